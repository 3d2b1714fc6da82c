"""Stops a worker before the machine runs out of memory.

Every API process looks, finds the same victim in the ledger, and stops it only if it is its own:
containers cannot end each other's processes. One shot is remembered by all, so that a second one
waits until the first has had its effect.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from common.memory.ledger import Shot
from common.memory.opening import Pool
from common.memory.policy import victim
from common.memory.pool import Lease

COOLDOWN_SECONDS = 5.0
"""Time for the memory of what was stopped to come back; after it, the next may be stopped."""


@dataclass(frozen=True)
class Alarm:
    """This process must stop its worker: ``lease`` is the worker's own last word."""

    lease: Lease
    available_bytes: int
    floor_bytes: int


@dataclass(frozen=True)
class Watchdog:
    """One service's part of the guard."""

    pool: Pool
    model: str
    clock: Callable[[], float] = time.monotonic

    def look(self) -> Alarm | None:
        """Sample the pool; answer an alarm if our worker must go, and let the others know."""
        if self._enough():
            return None
        with self.pool.ledger.deciding():
            if self._cooling() or self._enough():  # others may have acted while we waited
                return None
            available = self.pool.probe.read().available_bytes
            leases = self.pool.ledger.leases()
            if victim(leases, self.clock()) != self.model:
                return None
            shot = Shot(model=self.model, at=self.clock(), available_bytes=available)
            with contextlib.suppress(OSError):  # a disk that fails saves nobody
                self.pool.ledger.note_shot(shot)
        own = next(lease for lease in leases if lease.model == self.model)
        return Alarm(own, available, self.pool.rules.floor_bytes)

    def _enough(self) -> bool:
        available = self.pool.probe.read().available_bytes
        return available >= self.pool.rules.floor_bytes

    def _cooling(self) -> bool:
        return 0 <= self.clock() - self.pool.ledger.last_shot() < COOLDOWN_SECONDS
