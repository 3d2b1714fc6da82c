"""Durations, from what a worker says: when phases, steps and loads begin and end."""

from dataclasses import dataclass, field

from common.contract import Phase
from common.contract.messages import (
    JobLeft,
    JobProgress,
    ModelState,
    ModelStatus,
    Progress,
    Report,
)
from common.telemetry.meters import Meters


@dataclass(frozen=True)
class _Mark:
    """Where a job was, since when it is in this phase, and when its last step ended."""

    phase: Phase
    step: int
    phase_since: float
    step_since: float


@dataclass
class ReportWatch:
    """One worker's life."""

    meters: Meters
    _jobs: dict[str, _Mark] = field(default_factory=dict)
    _loaded: bool = False

    def heard(self, report: Report) -> None:
        """Measure what this report ends."""
        if isinstance(report, JobProgress):
            self._moved(report.job_id, report.progress)
        elif isinstance(report, JobLeft):
            self._left(self._jobs.pop(report.job_id, None))
        elif isinstance(report, ModelStatus):
            self._model(report)

    def ended(self) -> None:
        """The worker is gone, and what it had loaded."""
        if self._loaded:
            self.meters.unload()
        self._loaded = False

    def _moved(self, job_id: str, progress: Progress) -> None:
        now, last = self.meters.clock(), self._jobs.get(job_id)
        if progress.phase is None:
            return
        if last is None or progress.phase is not last.phase:
            self._left(last)
            last = _Mark(progress.phase, progress.step, now, now)
        elif progress.step > last.step:
            if progress.phase is Phase.DENOISING:
                self.meters.step((now - last.step_since) / (progress.step - last.step))
            last = _Mark(last.phase, progress.step, last.phase_since, now)
        self._jobs[job_id] = last

    def _left(self, last: _Mark | None) -> None:
        if last is not None:
            self.meters.phase(last.phase, self.meters.clock() - last.phase_since)

    def _model(self, status: ModelStatus) -> None:
        loaded = status.state is ModelState.LOADED
        if loaded and not self._loaded and status.load_seconds is not None:
            self.meters.load(status.load_seconds)
        if self._loaded and not loaded:
            self.meters.unload()
        self._loaded = loaded
