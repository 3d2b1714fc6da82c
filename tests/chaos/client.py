"""Sends the jobs of a run, and cancels some, to a service that dies again and again."""

import threading
import time
from dataclasses import dataclass

from tests.chaos.asking import TAKEN, Asker
from tests.chaos.ledger import Ledger
from tests.chaos.plan import Task

RETRY_SECONDS = 0.1
LONGEST_OUTAGE_SECONDS = 90.0
SETTLED = frozenset({200, 409})
"""A cancel that came in time, and one that came too late."""
REFUSED = frozenset({503, 507})
KEY_IN_USE = 409
"""The first request with a key is still under way: its answer was lost, not its work."""


@dataclass(frozen=True)
class _Due:
    moment: float
    task: Task
    cancel: bool


class Client:
    """One user. Knows only what the service told it; sends again, with the same key, until told."""

    def __init__(self, url: str, ledger: Ledger) -> None:
        self._asker = Asker(url, ledger)
        self._ledger = ledger
        self._pause = threading.Event()
        self._due: list[_Due] = []
        self._lost = False

    def run(self, tasks: list[Task]) -> None:
        """Send everything, cancel what is to be cancelled, and say so."""
        try:
            for task in tasks:
                while not self._ledger.due.acquire(timeout=RETRY_SECONDS):
                    self._do_due(time.monotonic())
                self._send(task)
            while self._due:
                self._do_due(float("inf"))
                self._pause.wait(RETRY_SECONDS)
        finally:
            self._ledger.all_sent.set()
            self._asker.close()

    def _send(self, task: Task) -> None:
        self._ledger.kinds[task.tag] = task.kind
        if (job_id := self._accepted(task)) is None:
            return
        now = time.monotonic()
        self._ledger.accepted[task.tag] = job_id
        if task.kind == "cancelled":
            self._due.append(_Due(now + task.patience, task, cancel=True))
        if task.again:
            self._due.append(_Due(now + 5 * task.patience, task, cancel=False))
        if task.watched:
            self._ledger.to_watch.put(job_id)

    def _accepted(self, task: Task) -> str | None:
        """Send until it is taken; answers the job's id."""
        deadline = time.monotonic() + LONGEST_OUTAGE_SECONDS
        while time.monotonic() < deadline:
            if job_id := self._taken(task):
                return job_id
            self._do_due(time.monotonic())
            self._pause.wait(RETRY_SECONDS)
        self._ledger.wrong(f"nobody took {task.tag} for {LONGEST_OUTAGE_SECONDS} s")
        return None

    def _taken(self, task: Task) -> str | None:
        headers, may = {"Idempotency-Key": task.tag}, TAKEN | {KEY_IN_USE} if self._lost else TAKEN
        answer = self._asker.ask("POST", "/generate", may, json=task.body, headers=headers)
        status = 0 if answer is None else answer.status_code
        self._lost = status in (0, KEY_IN_USE)
        self._ledger.answers[status] += 1
        return str(answer.json()["id"]) if answer is not None and status == 202 else None

    def _do_due(self, now: float) -> None:
        for due in [due for due in self._due if due.moment <= now]:
            self._due.remove(due)
            if due.cancel:
                self._cancel(due)
            else:
                self._send_again(due.task)

    def _send_again(self, task: Task) -> None:
        """Whatever became of the job: the same key makes no second one."""
        self._ledger.replays += 1
        first, second = self._ledger.accepted[task.tag], self._accepted(task)
        if second not in (None, first):
            self._ledger.wrong(f"{task.tag} is {first}, and sent again it is {second}")

    def _cancel(self, due: _Due) -> None:
        self._ledger.cancels.add(due.task.tag)
        path = f"/jobs/{self._ledger.accepted[due.task.tag]}/cancel"
        answer = self._asker.ask("POST", path, SETTLED | REFUSED)
        if answer is not None and answer.status_code in REFUSED:
            self._due.append(_Due(time.monotonic() + RETRY_SECONDS, due.task, cancel=True))
