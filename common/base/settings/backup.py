"""Settings about copies of the job database."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

BACKUPS = "backups"
"""The folder of copies beside the database, where ``BACKUP_DIR`` names no other."""


class BackupSettings(BaseSettings):
    """Inherited by ``Settings``."""

    backup_every_hours: float = Field(6, ge=0)
    """A running service copies its job database (SQLite) so often, if it has changed. 0: never."""
    backups_kept: int = Field(4, ge=1)
    """So many of these copies are kept."""
    backup_dir: Path | None = None
    """Where they are, one folder a service; best on another disk. Empty: beside the database."""
