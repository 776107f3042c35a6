"""What a result depends on, and the results that are known already.

Running a rebuilt notebook is a function of its cells, the lesson's own files, this package's code,
the isolation and the limits; a hash of these is the key of its result. The seed is no part of it:
a result is as good as another one of other challenges.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

import skiplab
from skiplab.course.contents import content_hash
from skiplab.grading.cells import RECORD
from skiplab.grading.jail import Limits, own_files

Files = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Terms:
    """What all submissions of a lesson are graded with.

    Attributes:
        lesson: the lesson's name.
        files: the lesson's own files: relative path and content.
        isolation: "sandbox" or "process".
        limits: what a submission may use.
    """

    lesson: str
    files: Files
    isolation: str
    limits: Limits

    def record(self, rebuilt: NotebookNode, seed: str) -> dict[str, str]:
        """What is noted of a grading, so that it can be repeated and recognised.

        Args:
            rebuilt: the rebuilt notebook, not yet run.
            seed: the grading's.
        """
        work = fingerprint(rebuilt)
        return {
            "seed": seed,
            "isolation": self.isolation,
            "work": work,
            "package": package_hash(),
            "key": self.key(work),
        }

    def key(self, work: str) -> str:
        """The key of a result, from the fingerprint of the rebuilt notebook."""
        files = [[name, hashlib.sha256(content).hexdigest()] for name, content in self.files]
        parts = [work, self.lesson, files, self.isolation, asdict(self.limits), package_hash()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def own_contents(folder: Path) -> Files:
    """A lesson's own files, relative path and content.

    Args:
        folder: the lesson's folder in `source/`.
    """
    return tuple(
        (path.relative_to(folder).as_posix(), path.read_bytes()) for path in own_files(folder)
    )


@cache
def package_hash() -> str:
    """What grades: this package's own code, as a hash."""
    folder = Path(skiplab.__file__).parent
    return content_hash(*(folder / part for part in ("lesson", "checks", "grading")))


def fingerprint(notebook: NotebookNode) -> str:
    """What a rebuilt notebook holds, as a hash: its cells, without outputs, and what is asked."""
    cells = [[cell.cell_type, cell.source, cell.metadata] for cell in notebook.cells]
    names = notebook.metadata.get(RECORD, {}).get("answers", [])
    return hashlib.sha256(json.dumps([cells, names], sort_keys=True).encode()).hexdigest()


class Results:
    """Known results, each in a file named for its key.

    They can be deleted at any time: what is missing is computed again.
    """

    def __init__(self, folder: Path) -> None:
        """Keep them in a folder; it is made when the first is kept."""
        self.folder = folder

    def get(self, key: str) -> dict[str, Any] | None:
        """A result, as it was put; None where it is not known."""
        try:
            found = json.loads(self._place(key).read_bytes())
        except (FileNotFoundError, ValueError):  # ValueError: half a file, after a power failure
            return None
        return found if isinstance(found, dict) and found.get("key") == key else None

    def put(self, key: str, result: dict[str, Any]) -> None:
        """Keep a result: plain values, with its key among them."""
        write_whole(self._place(key), json.dumps(result).encode())

    def _place(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def write_whole(path: Path, content: bytes, permissions: int = 0o644) -> None:
    """Write a file so that whoever reads it sees the old one or the new one, and no part of one.

    Args:
        path: the file; its folder is made where it is missing.
        content: what it is to hold.
        permissions: as of chmod.

    Raises:
        OSError: it cannot be written; the old file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with os.fdopen(descriptor, "wb") as part:
            part.write(content)
        Path(name).chmod(permissions)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
