"""Who may read what a service writes: its own user, since there are prompts in it."""

import os
from contextlib import suppress
from pathlib import Path

OTHERS = 0o077
"""The bits of a mode that are for the group and for everybody else."""


def keep_private() -> None:
    """From here on files of this process and its children are 0600, folders 0700."""
    os.umask(OTHERS)


def close_to_others(*folders: Path) -> None:
    """Folders that an older version made: nobody else enters them, whatever lies inside.

    Where they are somebody else's, or cannot be written, they stay as they are.
    """
    for folder in folders:
        with suppress(OSError):
            folder.chmod(folder.stat().st_mode & 0o777 & ~OTHERS)
