"""Brings the model into memory, and tells the API process what is there."""

import time
from collections.abc import Callable

from common.contract import LoadReport, ModelSpec, Phase
from common.hub import Checkpoint
from common.load_options import load_options
from common.logs import get_logger
from common.messages import ModelState, ModelStatus
from common.settings import Settings
from common.worker.context import RunningJob
from common.worker.control import Control
from common.worker.run_job import LoadedModel
from common.worker.seat import Seat

log = get_logger("worker")


class Loading:
    """Loads one model within its seat; ``running`` gives the job that waits for it, if one does."""

    def __init__(
        self,
        spec: ModelSpec,
        settings: Settings,
        seat: Seat,
        control: Control,
        running: Callable[[], RunningJob | None],
    ) -> None:
        self._spec = spec
        self._settings = settings
        self._seat = seat
        self._control = control
        self._running = running
        self._checkpoint: Checkpoint | None = None
        self._seconds: float | None = None
        self._report: LoadReport | None = None

    def load(self) -> LoadedModel:
        """Load the checkpoint that is configured. Raises CheckpointError, OutOfMemory."""
        started = time.monotonic()
        checkpoint = self._checkpoint = self._seat.locate()
        self._report = None
        options = load_options(
            self._settings,
            checkpoint,
            self._seat.appraiser.choice(checkpoint),
            on_bytes=self._on_bytes,
            on_report=self._keep_report,
        )
        with self._seat.loading():
            pipeline = self._spec.load(checkpoint.path, options)
        self._seconds = round(time.monotonic() - started, 3)
        return LoadedModel(pipeline, checkpoint)

    def report(self, state: ModelState) -> None:
        """Say what became of the model."""
        status = ModelStatus(state=state)
        if state is ModelState.LOADED and self._checkpoint is not None:
            status = _loaded(self._checkpoint, self._seconds, self._report)
        log.info("model", extra=status.model_dump(exclude={"type"}))
        self._control.report(status)

    def _on_bytes(self, done: int, total: int) -> None:
        """Progress of a load, on the job that waits for it; a cancelled job leaves the load."""
        running = self._running()
        if running is not None:
            running.progress(Phase.LOADING, done, total)
            running.raise_if_cancelled()

    def _keep_report(self, report: LoadReport) -> None:
        self._report = report


def _loaded(
    checkpoint: Checkpoint, seconds: float | None, report: LoadReport | None
) -> ModelStatus:
    """What is in memory now. A model may keep its ways of loading to itself: no report then."""
    return ModelStatus(
        state=ModelState.LOADED,
        checkpoint=checkpoint.id,
        revision=checkpoint.revision,
        load_seconds=seconds,
        quantization=report.quantization if report else None,
        quantization_reason=report.reason if report else None,
        attention_backend=report.attention_backend if report else None,
        from_cache=report.from_cache if report else None,
        weight_bytes=report.weight_bytes if report else None,
    )
