"""Places for what goes on at a client's pace: some in all, few for each caller, and no queue.

Who is slow keeps a place, and nobody knows for how long: so nobody waits for one.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from common.base.errors.queue import Busy


class Places:
    """Of one kind, named as in "ZIPs"."""

    def __init__(self, what: str, most: int, each: int) -> None:
        self._what, self._most, self._each = what, most, each
        self._taken = Counter[str]()

    @contextmanager
    def place(self, who: str) -> Iterator[None]:
        """Have a place inside the block. Raises Busy."""
        self._check(who)
        self._taken[who] += 1
        try:
            yield
        finally:
            self._taken[who] -= 1
            if not self._taken[who]:
                del self._taken[who]

    def _check(self, who: str) -> None:
        own, all_of_them = self._taken[who], self._taken.total()
        if own < self._each and all_of_them < self._most:
            return
        mine = own >= self._each
        words = f"{own} {self._what} of yours" if mine else f"{all_of_them} {self._what}"
        hint = "End one of them, or ask again when one is done." if mine else "Ask again shortly."
        raise Busy(f"{words} are being sent already.", hint=hint)
