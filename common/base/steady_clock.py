"""A clock for deadlines that others must keep: it stands still while nobody looks.

A machine that was suspended, a container that was paused and a process that was stopped find much
time gone when they go on. Whoever was watched could do nothing meanwhile, or was not heard; to
count that time against it would end what is sound.
"""

import time
from collections.abc import Callable


class SteadyClock:
    """Seconds since the first look. Between two looks at most ``most`` of them pass."""

    def __init__(self, most: float, clock: Callable[[], float] = time.monotonic) -> None:
        """``most``: several times as long as looks are apart; ``clock`` is monotonic."""
        self._most = most
        self._clock = clock
        self._last = clock()
        self._now = 0.0

    def __call__(self) -> float:
        now = self._clock()
        self._now += min(now - self._last, self._most)
        self._last = now
        return self._now
