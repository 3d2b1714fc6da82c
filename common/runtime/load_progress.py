"""How far a load is, in bytes."""

from collections.abc import Callable, Sequence
from typing import Protocol

_TOLD_BYTES = 64 * 2**20
"""Bytes between two reports of progress: some ten a second from a fast disk."""


class Sized(Protocol):
    """Something that will be read."""

    @property
    def size(self) -> int:
        """Bytes; may change when another source has to be taken."""


class Progress:
    """Adds up bytes, and tells now and then; what is told may leave the load by raising."""

    def __init__(self, tell: Callable[[int, int], None], pending: Sequence[Sized]) -> None:
        self._tell = tell
        self._pending = pending
        self._done = self._told = 0

    def __call__(self, count: int) -> None:
        self._done += count
        if count and self._done - self._told < _TOLD_BYTES:
            return
        self.tell()

    def tell(self) -> None:
        """Tell now. A damaged entry of the cache, given up, is read in vain: the total grows."""
        self._told = self._done
        total = max(self._done, sum(component.size for component in self._pending))
        self._tell(self._done, total)
