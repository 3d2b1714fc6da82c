"""Traces by OpenTelemetry's SDK, sent by OTLP/HTTP in a thread of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from common import __version__
from common.jobs.model import Job
from common.jobs.states import JobState
from common.telemetry.tracing import Answered, Stretch

EXPORT_SECONDS = 3
"""Patience for the collector; it is often the first thing that is down."""
BATCH_SECONDS = 1


class OtlpTracing:
    """See ``common.telemetry.tracing.Tracing``. Its own provider: the process has no global one."""

    def __init__(self, endpoint: str, model: str) -> None:
        names = {"service.name": f"videosdgx-{model}", "service.version": __version__}
        self._provider = TracerProvider(resource=Resource.create(names), shutdown_on_exit=False)
        url = f"{endpoint.rstrip('/')}/v1/traces"
        exporter = OTLPSpanExporter(endpoint=url, timeout=EXPORT_SECONDS)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=BATCH_SECONDS * 1000)
        )
        self._tracer = self._provider.get_tracer("videosdgx", __version__)
        self._w3c = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Answered]:
        parent = self._w3c.extract(headers)
        with self._tracer.start_as_current_span(
            method, parent, kind=SpanKind.SERVER, record_exception=False
        ) as span:
            span.set_attribute("http.request.method", method)

            def answered(route: str, status: int) -> None:
                span.update_name(f"{method} {route}")
                span.set_attributes({"http.route": route, "http.response.status_code": status})
                if status >= 500:
                    span.set_status(StatusCode.ERROR)

            yield answered

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        self._w3c.inject(carrier)
        return carrier.get("traceparent")

    def job(self, job: Job, stretches: list[Stretch]) -> None:
        parent = self._w3c.extract({"traceparent": job.trace or ""})
        began, ended = stretches[0].began, stretches[-1].ended
        span = self._tracer.start_span(
            "job", parent, kind=SpanKind.CONSUMER, start_time=_nanoseconds(began)
        )
        _describe(span, job)
        inside = set_span_in_context(span)
        for one in stretches:
            start = _nanoseconds(one.began)
            child = self._tracer.start_span(one.name, inside, start_time=start)
            child.end(_nanoseconds(one.ended))
        span.end(_nanoseconds(ended))

    def close(self) -> None:
        self._provider.shutdown()


def _describe(span: Span, job: Job) -> None:
    """Which job, and how it stands; never what was asked for."""
    span.set_attributes(
        {
            "videosdgx.job.id": job.id,
            "videosdgx.job.state": job.state.value,
            "videosdgx.job.attempt": job.attempts,
            "videosdgx.model": job.model,
        }
    )
    if job.state is JobState.FAILED or not job.ended:
        span.set_status(StatusCode.ERROR)
    if job.error is not None:
        span.set_attribute("error.type", job.error.code)


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
