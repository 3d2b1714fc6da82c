"""Sends the jobs of a run, and cancels some, to a service that dies again and again."""

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

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
class _Errand:
    """Something to do at a moment, and again until it is done."""

    what: Literal["send", "cancel", "send again"]
    task: Task
    moment: float
    give_up: float


class Client:
    """One user. Knows only what the service told it; sends again, with the same key, until told."""

    def __init__(self, url: str, ledger: Ledger) -> None:
        self._asker = Asker(url, ledger)
        self._ledger = ledger
        self._pause = threading.Event()
        self._errands: list[_Errand] = []
        self._lost: set[str] = set()
        """Tags whose last answer was lost."""

    def run(self, tasks: Iterable[Task]) -> None:
        """Send everything, as fast as the killer lets it, and cancel what is to be cancelled."""
        waiting = deque(tasks)
        try:
            while waiting or self._errands:
                if waiting and self._ledger.due.acquire(blocking=False):
                    self._plan("send", waiting.popleft())
                self._do_what_is_due(time.monotonic())
                self._pause.wait(RETRY_SECONDS)
        finally:
            self._ledger.all_sent.set()
            self._asker.close()

    def _plan(self, what: Literal["send", "cancel", "send again"], task: Task) -> None:
        waits = {"send": 0, "cancel": task.patience, "send again": 2 * task.patience}
        moment = time.monotonic() + waits[what]
        self._errands.append(_Errand(what, task, moment, moment + LONGEST_OUTAGE_SECONDS))

    def _do_what_is_due(self, now: float) -> None:
        due = [errand for errand in self._errands if errand.moment <= now]
        self._errands = [errand for errand in self._errands if errand.moment > now]
        for errand in due:
            if not self._done(errand):
                self._again(errand)

    def _again(self, errand: _Errand) -> None:
        if errand.moment > errand.give_up:
            tag, seconds = errand.task.tag, LONGEST_OUTAGE_SECONDS
            self._ledger.wrong(f"nobody lets us {errand.what} {tag} for {seconds:.0f} s")
        else:
            self._errands.append(replace(errand, moment=time.monotonic() + RETRY_SECONDS))

    def _done(self, errand: _Errand) -> bool:
        if errand.what == "cancel":
            return self._cancelled(errand.task)
        job_id = self._taken(errand.task)
        if job_id is not None and errand.what == "send":
            self._know(errand.task, job_id)
        elif job_id is not None:
            self._compare(errand.task, job_id)
        return job_id is not None

    def _know(self, task: Task, job_id: str) -> None:
        self._ledger.accepted[task.tag] = job_id
        if task.kind == "cancelled":
            self._plan("cancel", task)
        if task.again:
            self._plan("send again", task)
        if task.watched:
            self._ledger.to_watch.put(job_id)

    def _compare(self, task: Task, job_id: str) -> None:
        """Whatever became of the job: the same key makes no second one."""
        self._ledger.replays += 1
        if (first := self._ledger.accepted[task.tag]) != job_id:
            self._ledger.wrong(f"{task.tag} is {first}, and sent again it is {job_id}")

    def _taken(self, task: Task) -> str | None:
        self._ledger.kinds[task.tag] = task.kind
        headers, may = {"Idempotency-Key": task.tag}, TAKEN
        if task.tag in self._lost:
            may |= {KEY_IN_USE}
        answer = self._asker.ask("POST", "/generate", may, json=task.body, headers=headers)
        status = 0 if answer is None else answer.status_code
        self._ledger.answers[status] += 1
        if status in (0, KEY_IN_USE):
            self._lost.add(task.tag)
        return str(answer.json()["id"]) if answer is not None and status == 202 else None

    def _cancelled(self, task: Task) -> bool:
        """Also where the answer was lost: both is right then."""
        self._ledger.cancels.add(task.tag)
        path = f"/jobs/{self._ledger.accepted[task.tag]}/cancel"
        answer = self._asker.ask("POST", path, SETTLED | REFUSED)
        return answer is None or answer.status_code not in REFUSED
