"""Asking a service that is being beaten: what it may answer, and for how long it may think."""

import threading
import time
from collections.abc import Mapping
from typing import Any

import httpx

from tests.chaos.ledger import Ledger

ANSWER_SECONDS = 5.0
"""A locked or silent database is said to be one within this."""
SLACK_SECONDS = 3.0
"""On top of it, for a busy machine."""
MOST_SECONDS = ANSWER_SECONDS + SLACK_SECONDS
BETWEEN_SECONDS = 0.3
HEALTHY = frozenset({200})
READABLE = frozenset({200, 503})
TAKEN = frozenset({202, 429, 503, 507})
LOOKS = ("/ready", "/jobs?limit=20", "/metrics", "/queue/status")


class Asker:
    """Sends requests, and notes each answer that must not be."""

    def __init__(self, url: str, ledger: Ledger) -> None:
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self._ledger = ledger

    def ask(
        self, method: str, path: str, may: frozenset[int], **more: Mapping[str, Any]
    ) -> httpx.Response | None:
        """The answer; None where there was none, or where it may be part of a broken one."""
        before, began = self._ledger.moment, time.monotonic()
        try:
            answer = self._http.request(method, path, **more)  # type: ignore[arg-type]
        except httpx.TransportError as exc:
            if before is not None and before == self._ledger.moment:
                self._ledger.wrong(f"{method} {path}: {exc!r} from a service that lives")
            return None
        seconds = time.monotonic() - began
        if answer.status_code not in may:
            self._ledger.wrong(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        if before == self._ledger.moment and seconds > MOST_SECONDS:
            self._ledger.wrong(
                f"{method} {path}: {answer.status_code} after more than {MOST_SECONDS:.0f} s"
            )
        return answer

    def close(self) -> None:
        self._http.close()


def look_around(url: str, ledger: Ledger, paths: tuple[str, ...], may: frozenset[int]) -> None:
    """Ask for ``paths`` in turn until the run is over."""
    asker = Asker(url, ledger)
    pause, number = threading.Event(), 0
    try:
        while not ledger.over.is_set():
            asker.ask("GET", paths[number % len(paths)], may)
            number += 1
            pause.wait(BETWEEN_SECONDS)
    finally:
        asker.close()
