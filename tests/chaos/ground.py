"""Where a run takes place, and what every blow needs of it."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil
from sqlalchemy.exc import OperationalError

from tests.chaos.ledger import Ledger
from tests.chaos.table import Table
from tests.chaos.volume import Volume
from tests.clocks import WallClock
from tests.live import LiveService
from tests.postgres import PostgresServer

HELD = "SELECT id FROM jobs WHERE state IN ('waiting', 'loading', 'running', 'cancelling')"

BUSY_SECONDS = 2.0
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Ground:
    """One service and all that surrounds it."""

    service: LiveService
    ledger: Ledger
    chance: random.Random
    table: Table
    volumes: dict[str, Volume]
    """The service's own, by what they hold: ``state`` and ``outputs``; empty where none can be."""
    postgres: PostgresServer | None = None
    wall: WallClock | None = None
    """The service's clock; None where no compiler makes one."""
    _pause: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._pause.wait(seconds)

    def worker(self) -> int | None:
        """The worker's process id, as the kernel has it; noted for the end of the run."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.service.process.pid).children():
                if "common.worker" in child.cmdline():
                    self.ledger.workers.add(child.pid)
                    return child.pid
        return None

    def wait_for_work(self) -> None:
        """Mostly, until a worker holds a job: a kill that hits nothing shows little."""
        patience = self.chance.choice([0, BUSY_SECONDS, BUSY_SECONDS])
        until = time.monotonic() + patience
        while time.monotonic() < until and not self._held():
            self.wait(POLL_SECONDS)

    def stopped_worker(self) -> int | None:
        """The worker, stopped, and what it holds noted as hit: whoever asks ends it now.

        Stopped first: between a look at what it holds and its end nothing may change.
        """
        self.wait_for_work()
        worker = self.worker()
        if worker is None:
            return None
        try:
            os.kill(worker, signal.SIGSTOP)
        except ProcessLookupError:
            return None
        held = self._held()
        if held is None:  # it was stopped with the database in its hands
            self.ledger.blind += 1
        self.ledger.hits.update(held or [])
        return worker

    def _held(self) -> list[str] | None:
        """Jobs that a worker holds; None where nobody can see."""
        try:
            return [row[0] for row in self.table.rows(HELD)]
        except OperationalError:
            return None

    @contextmanager
    def restarting(self) -> Iterator[None]:
        """The service is ended inside; it runs again afterwards."""
        self.worker()  # it is noted before it is gone
        with self.ledger.absent():
            yield
            self.service.restart()
