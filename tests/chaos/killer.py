"""Kills the worker, the API process, or both, at moments that nobody chose."""

import os
import random
import signal
import sqlite3
import threading

from tests.chaos.ledger import Ledger
from tests.chaos.plan import Blow, blow
from tests.live import LiveService

HELD = "SELECT id FROM jobs WHERE state IN ('waiting', 'loading', 'running', 'cancelling')"


class Killer:
    """The only one who kills and restarts."""

    def __init__(self, service: LiveService, ledger: Ledger, chance: random.Random) -> None:
        self._service = service
        self._ledger = ledger
        self._chance = chance
        self._pause = threading.Event()

    def run(self, most: int) -> None:
        """Strike until everything is sent and done, ``most`` times at the most."""
        while sum(self._ledger.blows.values()) < most and not self._over():
            wait, target = blow(self._chance)
            self._pause.wait(wait)
            if self._strike(target):
                self._ledger.blows[target] += 1

    def _over(self) -> bool:
        return self._ledger.all_sent.is_set() and idle(self._service)

    def _strike(self, target: Blow) -> bool:
        worker = self._service.worker_pid()
        if worker is not None:
            self._ledger.workers.add(worker)
        if target == "api":
            self._service.kill()
            self._service.restart()
            return True
        if worker is None or not self._stopped(worker):
            return False
        self._note_what_it_holds()
        if target == "both":
            self._service.kill()
        os.kill(worker, signal.SIGKILL)
        if target == "both":
            self._service.restart()
        return True

    def _stopped(self, worker: int) -> bool:
        """Stop it first: between a look at what it holds and its end nothing may change."""
        try:
            os.kill(worker, signal.SIGSTOP)
        except ProcessLookupError:
            return False
        return True

    def _note_what_it_holds(self) -> None:
        try:
            self._ledger.hits.update(row[0] for row in self._service.query(HELD))
        except sqlite3.OperationalError:  # it was stopped with the database in its hands
            self._ledger.blind += 1


def idle(service: LiveService) -> bool:
    """Whether every job has ended."""
    queue = service.get("/queue/status")
    return not any(queue[name] for name in ("queued", "waiting", "running", "cancelling"))
