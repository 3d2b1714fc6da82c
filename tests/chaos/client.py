"""Sends the jobs of a run, and cancels some, to a service that dies again and again."""

import threading
import time

import httpx

from tests.chaos.ledger import Ledger
from tests.chaos.plan import Task

RETRY_SECONDS = 0.05
LONGEST_OUTAGE_SECONDS = 30.0


class Client:
    """One user. Knows only what the service told it."""

    def __init__(self, url: str, ledger: Ledger) -> None:
        self._http = httpx.Client(base_url=url, timeout=20, trust_env=False)
        self._ledger = ledger
        self._pause = threading.Event()
        self._due: list[tuple[float, str]] = []

    def run(self, tasks: list[Task]) -> None:
        """Send everything, cancel what is to be cancelled, and say so."""
        try:
            for task in tasks:
                self._send(task)
                self._cancel_due(time.monotonic())
            self._cancel_due(float("inf"))
        finally:
            self._ledger.all_sent.set()
            self._http.close()

    def _send(self, task: Task) -> None:
        deadline = time.monotonic() + LONGEST_OUTAGE_SECONDS
        self._ledger.kinds[task.tag] = task.kind
        while not self._sent(task):
            if time.monotonic() > deadline:
                raise AssertionError(f"nobody took {task.tag} for {LONGEST_OUTAGE_SECONDS} s")
            self._pause.wait(RETRY_SECONDS)

    def _sent(self, task: Task) -> bool:
        """Whether there is nothing more to do: a lost answer is not asked for again."""
        try:
            answer = self._http.post("/generate", json=task.body)
        except httpx.ConnectError:
            return False
        except httpx.TransportError:
            return True  # killed while it answered: accepted or not, both are right
        if answer.status_code == 202:
            self._ledger.accepted[task.tag] = answer.json()["id"]
            if task.kind == "cancelled":
                self._due.append((time.monotonic() + task.patience, task.tag))
        elif answer.status_code != 429:
            raise AssertionError(f"{task.tag}: {answer.status_code} {answer.text}")
        return answer.status_code == 202

    def _cancel_due(self, now: float) -> None:
        for moment, tag in list(self._due):
            if moment <= now:
                self._due.remove((moment, tag))
                self._cancel(tag)

    def _cancel(self, tag: str) -> None:
        self._ledger.cancels.add(tag)
        try:
            answer = self._http.post(f"/jobs/{self._ledger.accepted[tag]}/cancel")
        except httpx.TransportError:
            return
        if answer.status_code not in (200, 409):
            raise AssertionError(f"cancel of {tag}: {answer.status_code} {answer.text}")
