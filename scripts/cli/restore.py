"""``videosdgx restore``: a backup in place of the job database, without a running service."""

from pathlib import Path

from common.base.errors import VideosDGXError
from common.base.privacy import keep_private
from common.base.settings import load_settings
from common.jobs.backup import DATABASE, BackupFailed, backups_in, put_back
from common.service import locked
from scripts.cli.errors import REFUSED, CliError


def restore_database(model: str, backup: Path | None, *, empty: bool) -> tuple[Path | None, Path]:
    """Put the newest backup back, or the one named, or an empty table.

    Answers which one, and under what name the file of before is kept.

    Raises:
        CliError: there is none, it is damaged too, or a service runs.
    """
    try:
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
    except VideosDGXError as exc:
        details = exc.body.model_dump(include={"code", "param", "hint"})
        raise CliError(exc.body.message, status=REFUSED, **details) from exc


def _newest(folder: Path) -> Path:
    found = backups_in(folder)
    if not found:
        raise BackupFailed(
            f"There is no backup in {folder}.",
            hint="Name a file with --from, or begin with an empty table: --empty.",
        )
    return found[0].path
