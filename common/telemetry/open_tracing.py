"""Traces by OpenTelemetry: whether they are on, and what they need."""

import importlib.util

from common.base.settings import Settings, SettingsError
from common.telemetry.tracing import Tracing

_PARTS = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")


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
