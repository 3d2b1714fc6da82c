"""Whether a queue stands still, for those who ask again and again: the table is asked now and then.

Every answer about a queued job says it. A read of its own for each took a fifth of all submits.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from common.jobs.queue import JobQueue

FRESH_SECONDS = 1.0
"""Other machines on the same database may have paused it meanwhile."""


@dataclass
class Pauses:
    """Of one service."""

    clock: Callable[[], float] = time.monotonic
    _since: float | None = None
    _looked: float = float("-inf")

    async def since(self, queue: JobQueue) -> float | None:
        """Since when, in seconds since the epoch; None while jobs begin."""
        if self.clock() - self._looked > FRESH_SECONDS:
            self._looked = self.clock()  # before the answer: the others take the one before
            self._since = await queue.read(queue.store.paused_since)
        return self._since

    def forget(self) -> None:
        """It was changed here: the next one looks."""
        self._looked = float("-inf")
