"""What a full disk is called here, whoever met it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import StorageFull

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def storage_full() -> StorageFull:
    """The error for a write that met the end of the disk."""
    return StorageFull(
        "The disk is full.", hint="Delete finished jobs, or give the outputs volume more room."
    )


@contextmanager
def full_disk_named() -> Iterator[None]:
    """Turn the two errno values of a full disk into `StorageFull`; let every other error pass.

    Raises:
        StorageFull: no space left, or the quota is used up.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in _FULL:
            raise storage_full() from exc
        raise
