"""What the tables do not keep, measured in this process: phases, steps, loads, HTTP.

A restart begins them anew, as Prometheus expects of counters; rates stay right.
"""

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from common.contract import Phase

_PHASES = (0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 10_800)
_STEPS = (0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 60, 180, 600)
_LOADS = (1, 5, 10, 30, 60, 120, 300, 600, 1800)
_HTTP = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Meters(Collector):
    """The meters of one service. ``clock`` is in seconds and never goes back."""

    def __init__(self, model: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._registry = CollectorRegistry()
        self._model = model
        self._phases = self._histogram("phase_seconds", "A job's phases.", _PHASES, "phase")
        self._steps = self._histogram("step_seconds", "Denoising steps.", _STEPS)
        self._loads = self._histogram("load_seconds", "Loading the model.", _LOADS)
        self._unloads = self._counter("unloads", "Times that the model left memory.")
        self._repeated = self._counter("cached_jobs", "Jobs that got the files of an earlier one.")
        self._restarts = Counter(
            "videosdgx_task_restarts",
            "Background tasks that failed, and were started again.",
            ["model", "task"],
            registry=self._registry,
        )
        self._http = self._histogram(
            "http_seconds", "Until an answer begins.", _HTTP, "method", "route", "status"
        )
        for phase in Phase:
            self._phases.labels(model, phase.value)
        for one in (self._steps, self._loads, self._unloads, self._repeated):
            one.labels(model)

    def register(self, more: Collector) -> None:
        """Tell what another collector has, too."""
        self._registry.register(more)

    def collect(self) -> Iterable[Metric]:
        """All that was measured, without the moments at which counting began."""
        for metric in self._registry.collect():
            told = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            metric.samples = told
            yield metric

    def phase(self, phase: Phase, seconds: float) -> None:
        """A phase has ended."""
        self._phases.labels(self._model, phase.value).observe(seconds)

    def step(self, seconds: float) -> None:
        """A denoising step has ended."""
        self._steps.labels(self._model).observe(seconds)

    def load(self, seconds: float) -> None:
        """The model is in memory."""
        self._loads.labels(self._model).observe(seconds)

    def unload(self) -> None:
        """It left."""
        self._unloads.labels(self._model).inc()

    def repeated(self) -> None:
        """A job got what was made before."""
        self._repeated.labels(self._model).inc()

    def begun(self, task: str) -> None:
        """A background task runs; it is counted from here on."""
        self._restarts.labels(self._model, task)

    def restart(self, task: str) -> None:
        """A background task failed; it is started again."""
        self._restarts.labels(self._model, task).inc()

    def http(self, method: str, route: str, status: int, seconds: float) -> None:
        """An answer has begun."""
        self._http.labels(self._model, method, route, str(status)).observe(seconds)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        names = ["model", *labels]
        return Histogram(f"videosdgx_{name}", text, names, buckets=buckets, registry=self._registry)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"videosdgx_{name}", text, ["model"], registry=self._registry)
