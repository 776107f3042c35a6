"""What folders hold, caches and hidden files apart: by which a change is noticed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path


def content_hash(*folders: Path) -> str:
    """A hash of the contents of folders."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(content_files(folder)):
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            content = path.read_bytes()
            digest.update(f"{name} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()


def content_files(folder: Path) -> Iterator[Path]:
    """The files of a folder that belong to it: no caches, no checkpoints, no hidden ones."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part[0] == "." or part == "__pycache__" for part in parts):
            yield path
