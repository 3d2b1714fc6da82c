"""Locks that die with their process: the kernel drops a flock at any death."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.base.errors import VideosDGXError

POLL_SECONDS = 0.05


class AlreadyRunning(VideosDGXError):
    """Another process holds the lock: two of this kind must not share one folder."""

    code = "already_running"


class NameTaken(AlreadyRunning):
    """Another service has this name on this database: they would take each other's jobs."""

    code = "name_taken"


@contextmanager
def held(
    path: Path, timeout: float, *, setting: str = "STATE_DIR", shared: bool = False
) -> Iterator[None]:
    """Hold ``path``, with our process id in it; wait ``timeout`` seconds for it.

    Args:
        path: made, if need be, with its folder.
        timeout: in seconds.
        setting: what gives the other service a folder of its own.
        shared: several may hold it together, and nobody alone meanwhile.

    Raises:
        AlreadyRunning: it is still held after that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        if not _lock(file.fileno(), kind, time.monotonic() + timeout):
            raise AlreadyRunning(
                f"{path.name} is held by another process.",
                hint=f"Stop the other service, or give this one its own {setting}.",
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _lock(descriptor: int, kind: int, deadline: float) -> bool:
    """Whether it was had before the deadline."""
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        else:
            return True
