"""Write a backup of state and outputs to standard output, as a tar: ``make backup`` does it.

The services may run. A job database is copied through SQLite, which waits for the writer; a plain
copy could catch it between two pages. Videos are published by rename, so each is whole. Left out:
what is being written, what can be made again, and the memory ledger, which only knows the living.
"""

import sqlite3
import sys
import tarfile
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from common.settings import Settings

LEFT_OUT = {".partial", ".previews", "memory", "compiled", "session_secret"}
DATABASE = "jobs.db"
BUSY_SECONDS = 60


def main() -> None:
    """Back up the folders of the settings, each under its own name."""
    settings = Settings()
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
        for folder in (settings.state_dir, settings.outputs_dir):
            add(tar, folder)


def add(tar: tarfile.TarFile, folder: Path) -> None:
    """Add one folder, its databases as of one moment each."""
    root = folder.resolve()
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if LEFT_OUT.intersection(inside.parts):
            continue
        name = str(root.name / inside)
        if path.name == DATABASE:
            _add_database(tar, path, name)
        elif not path.name.startswith(DATABASE):  # not a journal: the copy needs none
            with suppress(FileNotFoundError):  # deleted while we were reading
                tar.add(path, name, recursive=False)


def _add_database(tar: tarfile.TarFile, path: Path, name: str) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        copy = Path(folder) / DATABASE
        with (
            closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        tar.add(copy, name, recursive=False)


if __name__ == "__main__":
    main()
