"""Time that stands still for the service, and clocks that are wrong."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field

from tests.chaos.ground import Ground

HEARTBEAT_TIMEOUT_SECONDS = 6.0
"""What a run sets; a pause is longer."""
PAUSE_SECONDS = 8.0
HOURS = (-25, -1, 1, 25)
"""By a day, more than an Idempotency-Key lives."""


@dataclass
class Pause:
    """API and worker are stopped, as in a suspended machine, and go on. No attempt is lost."""

    name = "pause"
    ground: Ground
    _stopped: list[int] = field(default_factory=list)

    def can(self) -> bool:
        return True

    def strike(self) -> float | None:
        worker = self.ground.worker()
        self.ground.ledger.leave()
        api = self.ground.service.process.pid
        self._stopped = [api] if worker is None else [api, worker]
        self._signal(signal.SIGSTOP)
        return PAUSE_SECONDS

    def heal(self) -> None:
        if self._stopped:
            self._signal(signal.SIGCONT)
            self.ground.ledger.come_back()
            self._stopped = []

    def _signal(self, number: int) -> None:
        for pid in self._stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@dataclass
class Clock:
    """The service, with its workers, has another wall clock: at once, or from its next start on."""

    name = "clock"
    ground: Ground
    _hours: int = 0

    def can(self) -> bool:
        return self.ground.wall is not None

    def strike(self) -> float | None:
        assert self.ground.wall is not None  # can() was asked
        self._hours = self.ground.chance.choice([h for h in HOURS if h != self._hours])
        running = self.ground.chance.random() < 0.5
        self.ground.ledger.tell(f"  {self._hours:+} h{'' if running else ', over a restart'}")
        if running:
            self.ground.wall.jump(self._hours * 3600)
            return 0
        with self.ground.restarting():
            self.ground.service.kill()
            self.ground.wall.jump(self._hours * 3600)
        return 0

    def heal(self) -> None:
        """The clock stays wrong until it is set wrong in another way."""
