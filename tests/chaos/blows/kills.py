"""Processes that are ended: the worker, the API process, both, and at the worst moments."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass

import httpx
import psutil

from tests.chaos.ground import Ground
from tests.chaos.plan import Task
from tests.live import wait_gone, wait_until

NAMELESS = (40, 50)
"""Real-time signals that no table of names has."""
HURRY_SECONDS = 8.0
"""A service that was told twice to end does so within this; its job would take longer."""
LONG = {"step_seconds": 4}


@dataclass
class _AtOnce:
    """A blow that is over when it was struck."""

    ground: Ground

    def can(self) -> bool:
        return True

    def heal(self) -> None:
        """The service has started again, or starts its worker by itself."""


class KillWorker(_AtOnce):
    """SIGKILL."""

    name = "worker"

    def signals(self) -> int:
        return signal.SIGKILL

    def strike(self) -> float | None:
        worker = self.ground.stopped_worker()
        if worker is None:
            return None
        with suppress(ProcessLookupError):
            os.kill(worker, self.signals())
            os.kill(worker, signal.SIGCONT)  # no other signal than SIGKILL ends what is stopped
        wait_gone(worker)
        return 0


class NamelessWorker(KillWorker):
    """A signal without a name."""

    name = "nameless-worker"

    def signals(self) -> int:
        return self.ground.chance.choice(NAMELESS)


class KillApi(_AtOnce):
    """SIGKILL; the worker gives its job back and leaves."""

    name = "api"

    def signals(self) -> int:
        return signal.SIGKILL

    def strike(self) -> float | None:
        with self.ground.restarting():
            self.ground.service.process.send_signal(self.signals())
            self.ground.service.exit_code()
        return 0


class NamelessApi(KillApi):
    """A signal without a name."""

    name = "nameless-api"

    def signals(self) -> int:
        return self.ground.chance.choice(NAMELESS)


class KillBoth(_AtOnce):
    """SIGKILL to both, so that nobody gives anything back."""

    name = "both"

    def strike(self) -> float | None:
        worker = self.ground.stopped_worker()
        if worker is None:
            return None
        with self.ground.restarting():
            self.ground.service.kill()
            os.kill(worker, signal.SIGKILL)
        return 0


class KillInSweep(_AtOnce):
    """SIGKILL, and again while the next process brings its files in order."""

    name = "sweep"

    def strike(self) -> float | None:
        with self.ground.restarting():
            self.ground.service.kill()
            self.ground.service.launch()
            wait_until(self._at_its_files, what="the service opens its state")
            self.ground.wait(self.ground.chance.uniform(0, 0.3))
            self.ground.service.kill()
        return 0

    def _at_its_files(self) -> bool:
        state, process = str(self.ground.service.state), self.ground.service.process
        if process.poll() is not None:
            return True
        files = psutil.Process(process.pid).open_files()
        return any(file.path.startswith(state) for file in files)


class Hurry(_AtOnce):
    """SIGTERM, and a second one while a job is still being drained."""

    name = "hurry"
    _number = 0

    def strike(self) -> float | None:
        task = self._long_job()
        if task is None:
            return None
        chance, service = self.ground.chance, self.ground.service
        worker = self.ground.worker()
        with self.ground.restarting():
            service.process.terminate()
            if chance.random() < 0.5:  # told once, to the process and to its group: no second word
                service.process.terminate()
            self.ground.wait(chance.uniform(1, 2))
            service.process.terminate()
            wait_until(lambda: not service.running, HURRY_SECONDS, "told twice, it ends")
            service.exit_code()
            if worker is not None:
                wait_gone(worker)
        self._cancel(task)
        return 0

    def _long_job(self) -> Task | None:
        """A job that would be drained for longer than the wait; None where it was not begun."""
        self._number += 1
        task = Task(f"chaos-hurry-{self._number}", "cancelled", LONG, 0, priority="high")
        self.ground.ledger.kinds[task.tag] = task.kind
        with suppress(httpx.TransportError):
            try:
                job_id = wait_until(lambda: self._accepted(task), what="there is room for it")
            except AssertionError:
                return None
            try:
                wait_until(lambda: self._running(job_id), what="the long job runs")
            except AssertionError:
                self._cancel(task)
                return None
            return task
        return None

    def _accepted(self, task: Task) -> str | None:
        """Its id; None while the queue is full of the others' jobs."""
        headers = {"Idempotency-Key": task.tag}
        answer = self.ground.service.client.post("/generate", json=task.body, headers=headers)
        if answer.status_code != 202:
            return None
        job_id = self.ground.ledger.accepted[task.tag] = str(answer.json()["id"])
        return job_id

    def _running(self, job_id: str) -> bool:
        return bool(self.ground.service.job(job_id)["state"] == "running")

    def _cancel(self, task: Task) -> None:
        self.ground.ledger.cancels.add(task.tag)
        self.ground.service.cancel(self.ground.ledger.accepted[task.tag])
