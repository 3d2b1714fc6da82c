"""Traces by OpenTelemetry: what is needed of them, and whether they are on.

All spans are made in this process: those of a job's phases from what its worker reports, so that a
worker that is killed leaves a trace too, and none waits for an exporter.
"""

import importlib.util
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from common.base.settings import Settings, SettingsError
from common.jobs.model import Job

_PARTS = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
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


def open_tracing(settings: Settings, model: str) -> Tracing | None:
    """The tracing that the settings name; None, and nothing imported, where it is off.

    Raises:
        SettingsError: it is on, and OpenTelemetry is not installed.
    """
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        return None
    check_installed()
    from common.telemetry.tracing_otlp import OtlpTracing

    return OtlpTracing(endpoint, model)


def check_installed() -> None:
    """Whether the extra ``tracing`` is there. Raises SettingsError."""
    try:
        missing = None in map(importlib.util.find_spec, _PARTS)
    except ModuleNotFoundError:  # not even the package around it
        missing = True
    if missing:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT: OpenTelemetry is not installed.",
            param="OTEL_EXPORTER_OTLP_ENDPOINT",
            hint="pip install 'videosdgx[tracing]', or leave the setting empty.",
        )
