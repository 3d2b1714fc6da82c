"""Write a backup of state and outputs to standard output, as a tar: ``make backup`` does it.

The services may run. A job database is copied as the rolling backups are (``common.jobs``), which
are left out here: a plain copy could catch it between two pages. Videos are published by rename, so
each is whole. Left out, too: what is being written, what can be made again, and the memory ledger,
which only knows the living.
"""

import sys
import tarfile
import tempfile
import threading
from contextlib import closing, suppress
from pathlib import Path

from common.base.locks import held
from common.base.settings import Settings
from common.base.settings.backup import BACKUPS
from common.jobs.backup import DATABASE, LOCK, write_backup
from common.jobs.online_copy import connect

LEFT_OUT = {
    ".partial",
    ".previews",
    BACKUPS,
    "memory",
    "compiled",
    "session_secret",
    "ended_sessions",
    "content_credentials",
}
PATIENCE_SECONDS = 600
"""For a rolling backup that is under way."""


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
    with (
        tempfile.TemporaryDirectory(dir=path.parent) as folder,
        held(path.with_name(LOCK), timeout=PATIENCE_SECONDS),
        closing(connect(path)) as source,
    ):
        tar.add(write_backup(source, Path(folder), threading.Event()), name, recursive=False)


if __name__ == "__main__":
    main()
