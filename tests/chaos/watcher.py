"""Follows the events of some jobs, as a browser does, and expects every stream to end."""

import json
import threading
import time
from queue import Empty

import httpx

from tests.chaos.ledger import Ledger
from tests.live import ENDED

RETRY_SECONDS = 0.2
PATIENCE_SECONDS = 25.0
"""After the end of all jobs: longer than the pause between two pings of a quiet stream."""
PING_SECONDS = 20.0


class Watcher:
    """One of several; each follows one job at a time."""

    def __init__(self, url: str, ledger: Ledger) -> None:
        self._http = httpx.Client(base_url=url, timeout=PING_SECONDS, trust_env=False)
        self._ledger = ledger
        self._pause = threading.Event()
        self._give_up: float | None = None

    def run(self) -> None:
        """Follow job after job, until there are none left."""
        try:
            while not (self._ledger.over.is_set() and self._ledger.to_watch.empty()):
                try:
                    self._follow(self._ledger.to_watch.get(timeout=RETRY_SECONDS))
                except Empty:
                    continue
        finally:
            self._http.close()

    def _follow(self, job_id: str) -> None:
        last, state = "", ""
        while state not in ENDED and not self._in_vain():
            last, state = self._stream(job_id, last, state)
        if state not in ENDED:
            self._ledger.wrong(f"the events of {job_id} stop at {state!r}, event {last!r}")

    def _stream(self, job_id: str, last: str, state: str) -> tuple[str, str]:
        """Read until the stream ends or breaks; answers the last event's number and state."""
        headers = {"Last-Event-ID": last} if last else {}
        try:
            with self._http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as answer:
                if answer.status_code not in (200, 503):
                    self._ledger.wrong(f"the events of {job_id}: {answer.status_code}")
                for line in answer.iter_lines():
                    last = line.removeprefix("id: ") if line.startswith("id: ") else last
                    if line.startswith("data: {"):
                        state = str(json.loads(line[6:]).get("state", state))
                    if self._in_vain():  # the pings of a stream that nobody closes
                        return last, f"{state}, and stay open"
        except httpx.TransportError:
            pass
        if state not in ENDED:
            self._pause.wait(RETRY_SECONDS)
        return last, state

    def _in_vain(self) -> bool:
        """Whether all jobs ended so long ago that this stream should have."""
        if not self._ledger.over.is_set():
            return False
        self._give_up = self._give_up or time.monotonic() + PATIENCE_SECONDS
        return time.monotonic() > self._give_up
