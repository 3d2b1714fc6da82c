"""What a disk that fails is called here, whoever met it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from common.base.errors import StorageFull, StorageUnavailable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_SAID = ("No space left on device", "Disk quota exceeded")
"""By strerror(3)."""
_BY_ITSELF = "The service goes on by itself once it is well."
_READ_ONLY = ("is read-only", "Mount it so that it can be written.")
_FORBIDDEN = ("may not be written", "Let the service's user write to it.")
_MISSING = ("is missing", "Bring it back.")
_BROKEN = ("cannot be read or written", "Look at the kernel's log for that disk.")
_SILENT = ("does not answer", "See what has become of that disk.")
_CAUSES = {
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ENOENT: _MISSING,
    errno.ENOTDIR: _MISSING,
    errno.ENODEV: _MISSING,
    errno.ENXIO: _MISSING,
    errno.EIO: _BROKEN,
    errno.ENOTCONN: _SILENT,
    errno.ESTALE: _SILENT,
    errno.ETIMEDOUT: _SILENT,
}
"""Linux's own numbers: man 3 errno."""


def says_full(words: str) -> bool:
    """Whether a program that failed met the end of a disk, by its last words."""
    return any(phrase in words for phrase in _FULL_SAID)


def storage_full(volume: str = "outputs") -> StorageFull:
    """The error for a write that met the end of the disk."""
    return StorageFull(
        f"The {volume} volume is full.",
        hint="Delete finished jobs, or give the volume more room.",
    )


def storage_missing(volume: str) -> StorageUnavailable:
    """The error for a folder that is not there, or not the one that it was."""
    return StorageUnavailable(
        f"The {volume} volume is missing, or is not the one that the service started with.",
        hint=f"Bring it back. {_BY_ITSELF}",
    )


def storage_silent(volume: str) -> StorageUnavailable:
    """The error for a volume that keeps a call waiting."""
    return _unavailable(volume, *_SILENT)


def disk_error(exc: OSError, volume: str = "outputs") -> StorageUnavailable | None:
    """What an error of the operating system means for a volume; None where it is no disk's."""
    if exc.errno in _FULL:
        return storage_full(volume)
    if exc.errno not in _CAUSES:
        return None
    return _unavailable(volume, *_CAUSES[exc.errno])


@contextmanager
def disk_named(volume: str = "outputs") -> Iterator[None]:
    """Turn the errors of a disk into ours, and let every other one pass.

    Raises:
        StorageFull: no space left, or the quota is used up.
        StorageUnavailable: it is missing, read-only, forbidden or broken.
    """
    try:
        yield
    except OSError as exc:
        if (error := disk_error(exc, volume)) is not None:
            raise error from exc
        raise


@contextmanager
def temporary_folder() -> Iterator[None]:
    """Its failures in words: no volume of ours is to blame.

    Raises:
        StorageFull: no space left, or the quota is used up.
        StorageUnavailable: it cannot be written for another reason.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in _FULL:
            raise StorageFull(
                "The temporary folder is full.",
                hint="Try again shortly. If you run the service, TMPDIR names a larger folder.",
            ) from exc
        raise StorageUnavailable(
            "The temporary folder cannot be written.",
            hint="If you run the service: TMPDIR names another folder.",
        ) from exc


def _unavailable(volume: str, cause: str, way_out: str) -> StorageUnavailable:
    return StorageUnavailable(f"The {volume} volume {cause}.", hint=f"{way_out} {_BY_ITSELF}")
