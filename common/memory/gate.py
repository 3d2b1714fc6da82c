"""A lock across containers that a stopped or paused holder cannot keep for ever."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from common.base.steady_clock import SteadyClock

POLL_SECONDS = 0.002
MOST_SECONDS_A_LOOK = 0.5
"""A whole machine that was paused finds its holder as alive as itself."""
PATIENCE_SECONDS = 5.0
"""Decisions take a millisecond: who holds the lock for so long does not run."""


class Gate:
    """An flock on a file that is replaced when its holder shows no life.

    A holder that wakes up after that finds another file under the name, and its next ``held``
    takes that one. What it still writes is its own lease, which is true of itself.
    """

    def __init__(
        self,
        path: Path,
        *,
        patience: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._patience = patience
        self._clock = SteadyClock(MOST_SECONDS_A_LOOK, clock)
        self._pause = pause

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock; wait for others, and take over from one that is stopped."""
        descriptor = self._take()
        try:
            yield
        finally:
            os.close(descriptor)

    def _take(self) -> int:
        waited_for, since = -1, self._clock()
        while True:
            descriptor = self._opened()
            file = os.fstat(descriptor).st_ino
            if self._locked(descriptor) and self._current() == file:
                return descriptor
            os.close(descriptor)
            if file != waited_for:
                waited_for, since = file, self._clock()
            elif self._clock() - since > self._patience:
                self._replace(file)
            self._pause(POLL_SECONDS)

    def _opened(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:  # a disk that is read-only can be locked all the same
            return os.open(self._path, os.O_RDONLY)

    def _replace(self, file: int) -> None:
        """Put a new file under the name, unless somebody else just did."""
        second = os.open(self._path.with_suffix(".break"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if self._locked(second) and self._current() == file:
                self._path.unlink(missing_ok=True)
        finally:
            os.close(second)

    def _current(self) -> int | None:
        try:
            return self._path.stat().st_ino
        except FileNotFoundError:
            return None

    @staticmethod
    def _locked(descriptor: int) -> bool:
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        return True
