"""Write a backup to standard output, as a tar of state, outputs and stored LoRAs: ``make backup``.

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
from typing import IO

from common.base.locks import held
from common.base.settings import Settings
from common.base.settings.backup import BACKUPS
from common.jobs.backup import DATABASE, LOCK, write_backup
from common.jobs.online_copy import connect
from common.kinds.video.loras import ENDING, FOLDER

LORAS = f"{FOLDER}/*{ENDING}"
"""In the models' folder: the one thing there that nobody can fetch again."""
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
    write(Settings(), sys.stdout.buffer)


def write(settings: Settings, out: IO[bytes]) -> None:
    """The same, of these settings and to ``out``."""
    with tarfile.open(fileobj=out, mode="w|") as tar:
        for folder in (settings.state_dir, settings.outputs_dir):
            add(tar, folder)
        add(tar, settings.models_dir, LORAS)


def add(tar: tarfile.TarFile, folder: Path, pattern: str = "**/*") -> None:
    """Add what a folder has of ``pattern``, its databases as of one moment each."""
    root = folder.resolve()
    for path in sorted(root.glob(pattern)):
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
