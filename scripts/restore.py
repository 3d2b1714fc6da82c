"""A backup in place of the job database, without a running service.

``python -m scripts.restore MODEL``, which needs nothing but what a service does: it works in its
container too. ``videosdgx restore`` is the same.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.base.errors import VideosDGXError
from common.base.privacy import keep_private
from common.base.settings import load_settings
from common.jobs.backup import DATABASE, BackupFailed, backups_in, put_back
from common.service import locked


def main(arguments: Sequence[str] | None = None) -> None:
    """Restore, or end with status 1 and the reason."""
    parser = argparse.ArgumentParser(prog="python -m scripts.restore", description=__doc__)
    parser.add_argument("model", metavar="MODEL", help="the service's name")
    parser.add_argument(
        "--from", dest="backup", type=Path, metavar="FILE", help="the newest when left out"
    )
    parser.add_argument("--empty", action="store_true", help="an empty table instead of a backup")
    asked = parser.parse_args(arguments)
    try:
        put, aside = restore_database(asked.model, asked.backup, empty=asked.empty)
    except VideosDGXError as exc:
        sys.exit(exc.body.in_full)
    print(what_was_done(asked.model, put, aside))


def what_was_done(model: str, put: Path | None, aside: Path) -> str:
    """In words; the paths are those that ``restore_database`` answers."""
    return f"{model}: {put or 'an empty table'} is in place; before it was {aside}"


def restore_database(model: str, backup: Path | None, *, empty: bool) -> tuple[Path | None, Path]:
    """Put the newest backup back, or the one named, or an empty table.

    Answers which one, and under what name the file of before is kept.

    Raises:
        VideosDGXError: there is none, it is damaged too, or a service runs.
    """
    settings = load_settings(model)
    if settings.database_url:
        raise BackupFailed(
            "DATABASE_URL names a PostgreSQL: its own tools put its backups back.",
            hint="pg_restore, or whatever has made them.",
        )
    keep_private()
    with locked(settings, model):
        chosen = None if empty else backup or _newest(settings.backups_of(model))
        return chosen, put_back(settings.state_of(model) / DATABASE, chosen)


def _newest(folder: Path) -> Path:
    found = backups_in(folder)
    if not found:
        raise BackupFailed(
            f"There is no backup in {folder}.",
            hint="Name a file with --from, or begin with an empty table: --empty.",
        )
    return found[0].path


if __name__ == "__main__":
    main()
