"""When a submission came in, by the server's clock.

`nbgrader submit` runs as the student, and so does everything that writes the name and the files of
a submission. What a student cannot set is the time at which the system last changed a file
(`st_ctime`) in the exchange. `Collect` notes it, outside of the submission, in
`received/LESSON/STUDENT.json`. Where a submission came in another way, nobody knows when, and it
is not late.
"""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.exchange.default import ExchangeCollect

FOLDER = "received"


class Collect(ExchangeCollect):
    """`nbgrader collect` by the server's clock: which submission is the latest, and when it came.

    Set in nbgrader_config.py.
    """

    def _path_to_record(self, path: str) -> dict[str, Any]:
        """What nbgrader knows of a submission in the exchange, with the server's time."""
        record = super()._path_to_record(path)
        return {**record, "timestamp": _arrived(Path(path))}

    def do_copy(self, src: str, dest: str, log: Any = None) -> None:  # noqa: ANN401
        """Copy a submission from the exchange, and note when it arrived there."""
        folder = Path(dest)
        path = _place(Path(self.coursedir.root), folder.name, folder.parent.name)
        path.unlink(missing_ok=True)  # of an earlier submission: it must not count for this one
        super().do_copy(src, dest, log)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrived = {"received": _arrived(Path(src)).isoformat(), "from": Path(src).name}
        path.write_text(json.dumps(arrived) + "\n", encoding="utf-8")


def received_at(course: Path, lesson: str, student: str) -> datetime | None:
    """When a submission was received.

    Args:
        course: The course directory.
        lesson: The lesson.
        student: The student.

    Returns:
        The time in UTC, without a time zone, as nbgrader has it; None where it is not known.
    """
    try:
        noted = json.loads(_place(course, lesson, student).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return datetime.fromisoformat(noted["received"])


def _place(course: Path, lesson: str, student: str) -> Path:
    return course / FOLDER / lesson / f"{student}.json"


def _arrived(folder: Path) -> datetime:
    """When the last file of a submission was put into the exchange."""
    times = [folder.lstat().st_ctime]
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # its owner may still change it
            times.append(path.lstat().st_ctime)
    return datetime.fromtimestamp(max(times), UTC).replace(tzinfo=None)
