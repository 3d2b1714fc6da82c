"""The families of ``/metrics`` that come from the tables' figures and from the GPU."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from common.jobs.figures import Figures
from common.jobs.outbox import DeliveryState
from common.memory.gpu_figures import GpuFigures

_GPU = {
    "utilization": "The share of time in which the GPU was busy, from 0 to 1.",
    "temperature_celsius": "The GPU's temperature.",
    "power_watts": "What the GPU draws.",
}


@dataclass(frozen=True, eq=False)  # a registry keeps collectors by identity
class More(Collector):
    """``gpu`` is None on a machine without one; then nothing is told about it."""

    model: str
    figures: Figures
    gpu: GpuFigures | None

    def collect(self) -> Iterable[Metric]:
        """All families."""
        yield from self._waiting()
        yield from self._webhooks()
        yield from self._gpu()

    def _waiting(self) -> Iterable[Metric]:
        text = "From a job's arrival to its last beginning."
        waits = SummaryMetricFamily("videosdgx_wait_seconds", text, labels=["model"])
        waits.add_metric([self.model], self.figures.waits, self.figures.wait_seconds)
        text = "How long the job has waited that has waited longest."
        oldest = GaugeMetricFamily("videosdgx_queue_oldest_seconds", text, labels=["model"])
        oldest.add_metric([self.model], self.figures.oldest_seconds)
        yield from (waits, oldest)

    def _webhooks(self) -> Iterable[Metric]:
        count = self.figures.deliveries.get
        names = ["model", "state"]
        pending = GaugeMetricFamily(
            "videosdgx_webhooks_pending", "Webhooks to be delivered yet.", labels=["model"]
        )
        pending.add_metric([self.model], count(DeliveryState.PENDING, 0))
        ended = CounterMetricFamily("videosdgx_webhooks_ended", "Webhooks.", labels=names)
        for state in DeliveryState:
            if state is not DeliveryState.PENDING:
                ended.add_metric([self.model, state.value], count(state, 0))
        yield from (pending, ended)

    def _gpu(self) -> Iterable[Metric]:
        for name, text in _GPU.items():
            value = getattr(self.gpu, name, None)
            if value is not None:
                yield GaugeMetricFamily(f"videosdgx_gpu_{name}", text, value=value)
