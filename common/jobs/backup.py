"""Copies of the job database in a folder: written, found, and put back."""

import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from common.base.commands import typed
from common.base.durable import fsync
from common.base.errors import VideosDGXError
from common.base.settings import Settings
from common.jobs.damage import check_copy
from common.jobs.online_copy import copy_database

DATABASE = "jobs.db"
LOCK = "backup.lock"
"""Beside the database: one copy at a time is made of it."""
PAUSE_SECONDS = 0.002
"""Between two reads, for whoever else wants the disk."""
_DRAFT = ".jobs.db.part"
_NAME = re.compile(r"jobs-(\d{6,})-(\d{8}T\d{6})Z\.db")
_TIME = "%Y%m%dT%H%M%S"


class BackupFailed(VideosDGXError):
    """No copy was written, or the one that was named is none."""

    code = "backup_failed"


@dataclass(frozen=True)
class Backup:
    """One copy. ``number`` is the order in which they were made, whatever the clock said."""

    path: Path
    number: int
    made: datetime


def backups_in(folder: Path) -> list[Backup]:
    """The whole copies, newest first."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := _NAME.fullmatch(path.name):
            made = datetime.strptime(match[2], _TIME).replace(tzinfo=UTC)
            found.append(Backup(path, int(match[1]), made))
    return sorted(found, key=lambda backup: backup.number, reverse=True)


def write_backup(
    source: sqlite3.Connection,
    folder: Path,
    stop: threading.Event,
    on_moment: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.time,
) -> Path:
    """Add a copy, which is checked and on disk when it gets its name; see ``copy_database``.

    Raises:
        BackupFailed: what was copied is damaged.
        CopyStopped, sqlite3.DatabaseError, OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / _DRAFT
    try:
        copy_database(source, draft, stop, PAUSE_SECONDS, on_moment)
        if found := check_copy(draft):
            raise BackupFailed(f"The copy of the job database is no good: {found}.")
        fsync(draft)
        number = max((backup.number for backup in backups_in(folder)), default=0) + 1
        stamp = datetime.fromtimestamp(clock(), UTC).strftime(_TIME)
        path = draft.rename(folder / f"jobs-{number:06}-{stamp}Z.db")
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    fsync(folder)
    return path


def prune(folder: Path, kept: int) -> None:
    """Remove all but the newest."""
    for backup in backups_in(folder)[kept:]:
        backup.path.unlink(missing_ok=True)


def put_back(database: Path, backup: Path | None, clock: Callable[[], float] = time.time) -> Path:
    """Replace a database, that nobody has open, by a copy (None: by an empty one).

    What was there is kept, under the name that is returned.

    Raises:
        BackupFailed: the copy is damaged itself, or is none; nothing was changed.
    """
    draft = database.with_name(f"{DATABASE}.part")
    draft.unlink(missing_ok=True)
    if backup is None:
        draft.touch()
    else:
        _take(backup, draft)
    fsync(draft)
    stamp = datetime.fromtimestamp(clock(), UTC).strftime(_TIME)
    aside = database.with_name(f"{DATABASE}.damaged-{stamp}Z")
    _move(database.with_name(f"{DATABASE}-journal"), aside.with_name(f"{aside.name}-journal"))
    if database.exists():
        os.link(database, aside)
    draft.replace(database)
    fsync(database.parent)
    return aside


def way_out(settings: Settings, model_id: str) -> str:
    """What to do about a damaged database, with the words to type."""
    newest = next(iter(backups_in(settings.backups_of(model_id))), None)
    if newest is None:
        return (
            "There is no backup. To begin with an empty table, to which finished jobs come "
            f"back: {typed(f'restore {model_id} --empty')}. The damaged file is kept beside it."
        )
    return (
        f"The newest backup is {newest.path}, of {newest.made:%Y-%m-%d %H:%M} UTC. To put it back: "
        f"{typed(f'restore {model_id}')}. The damaged file is kept beside it. Jobs made since "
        f"come back at the next start, or by: {typed(f'recover {model_id}')}."
    )


def _take(backup: Path, draft: Path) -> None:
    if not backup.is_file():
        raise BackupFailed(f"There is no file {backup}.", hint="Name one with --from.")
    if found := check_copy(backup):
        raise BackupFailed(f"{backup} is no good: {found}.", hint="Name another with --from.")
    shutil.copyfile(backup, draft)


def _move(old: Path, new: Path) -> None:
    """A journal belongs to its database: to another it would be poison."""
    if old.exists():
        old.rename(new)
