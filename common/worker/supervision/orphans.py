"""At start-up: a worker that outlived its API process, because it was stopped, is ended.

A worker whose pipe closes exits by itself; one that is stopped (SIGSTOP, a debugger) cannot, and
would hold its memory and its lock for ever.
"""

import fcntl
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from common.base.logs import get_logger

log = get_logger("supervisor")

PATIENCE_SECONDS = 2.0
POLL_SECONDS = 0.02


def end_orphan(lock: Path, pause: Callable[[float], None] = time.sleep) -> None:
    """End the process that holds a worker's lock, if it does not leave within a moment.

    The caller holds the service's own lock: no other API process can have started that worker.
    """
    give_up = time.monotonic() + PATIENCE_SECONDS
    while _held(lock):
        if time.monotonic() > give_up:
            _end(lock)
            return
        pause(POLL_SECONDS)


def _held(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _end(lock: Path) -> None:
    """Its number is in the lock; a number that was given to another program since is let be."""
    with suppress(ValueError, psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
        pid = int(lock.read_text())
        if "common.worker" in psutil.Process(pid).cmdline():
            log.warning("ending a worker that its API process left behind", extra={"pid": pid})
            os.killpg(pid, signal.SIGKILL)
