"""Which job database an outputs folder belongs to: a name that both bear."""

from contextlib import suppress
from pathlib import Path

from common.base.disk import disk_named

LOCK = ".lock"
"""Held by the service whose outputs these are."""
_IDENTITY = ".identity"


def read_identity(root: Path) -> str | None:
    """The name, where the folder has one."""
    with suppress(FileNotFoundError):
        return (root / _IDENTITY).read_text(encoding="ascii").strip() or None
    return None


def write_identity(root: Path, identity: str) -> None:
    """Name the folder; whole or not at all. Raises StorageFull."""
    draft = root / f"{_IDENTITY}.part"
    with disk_named():
        draft.write_text(identity, encoding="ascii")
        draft.replace(root / _IDENTITY)
