"""Traces: what is told of requests and jobs, and to whom.

All spans are made in this process: those of a job's phases from what its worker reports, so that a
worker that is killed leaves a trace too, and none waits for an exporter.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from common.jobs.model import Job

Answered = Callable[[str, int], None]
"""Told the route and the status of an answer."""


@dataclass(frozen=True)
class Stretch:
    """What a job did from ``began`` to ``ended``, in seconds since the epoch."""

    name: str
    began: float
    ended: float


class Tracing(Protocol):
    """Where spans go."""

    def request(self, method: str, headers: Mapping[str, str]) -> AbstractContextManager[Answered]:
        """A span around a request; goes on with its client's trace (W3C ``traceparent``)."""

    def traceparent(self) -> str | None:
        """The current span, to be kept with what it begins."""

    def job(self, job: Job, stretches: list[Stretch]) -> None:
        """One attempt at a job, with its phases; below the span that asked for the job."""

    def close(self) -> None:
        """Send what is left; takes a few seconds at most."""
