"""Locks that die with their process: the kernel drops a flock at any death."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import VideosDGXError

POLL_SECONDS = 0.05


class AlreadyRunning(VideosDGXError):
    """Another process holds the lock: two of this kind must not share one state folder."""

    code = "already_running"


@contextmanager
def held(path: Path, timeout: float) -> Iterator[None]:
    """Hold ``path`` exclusively, with our process id in it; wait ``timeout`` seconds for it.

    Raises:
        AlreadyRunning: it is still held after that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        _lock(file.fileno(), path.name, time.monotonic() + timeout)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _lock(descriptor: int, name: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise AlreadyRunning(
                    f"{name} is held by another process.",
                    hint="Stop the other service, or give this one its own STATE_DIR.",
                ) from None
            time.sleep(POLL_SECONDS)
        else:
            return
