"""Brings the model into memory, and tells the API process what is there."""

import time
from collections.abc import Callable

from common.base.logs import get_logger
from common.base.settings import Settings
from common.contract import LoadReport, ModelSpec, Phase
from common.contract.messages import GpuPulse, ModelState, ModelStatus
from common.contract.variants import Checkpoint
from common.memory.gpu_figures import GpuFigures, read_gpu
from common.memory.nvml import open_gpu
from common.worker.context import RunningJob
from common.worker.control import Control
from common.worker.load_options import load_options
from common.worker.loaded import LoadedModel
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
        self._figures: GpuFigures | None = None

    def load(self) -> LoadedModel:
        """Load the checkpoint that is configured. Raises CheckpointError, OutOfMemory."""
        started = time.monotonic()
        checkpoint = self._checkpoint = self._seat.locate()
        self._report = self._figures = None
        options = load_options(
            self._settings,
            checkpoint,
            self._seat.appraiser.choice(checkpoint),
            on_bytes=self._on_bytes,
            on_report=self._keep_report,
            cuda_bytes=self._seat.cuda_bytes,
            while_busy=self._look_at_gpu,
        )
        with self._seat.loading():
            pipeline = self._spec.load(checkpoint.path, options)
        self._seconds = round(time.monotonic() - started, 3)
        return LoadedModel(pipeline, checkpoint)

    def report(self, state: ModelState) -> None:
        """Say what became of the model."""
        status = ModelStatus(state=state)
        if state is ModelState.LOADED and self._checkpoint is not None:
            status = _loaded(self._checkpoint, self._seconds, self._report, self._figures)
        log.info("model", extra=status.model_dump(exclude={"type"}))
        self._control.report(status)

    def _on_bytes(self, done: int, total: int) -> None:
        """Progress of a load, on the job that waits for it; a cancelled job leaves the load."""
        running = self._running()
        if running is not None:
            running.progress(Phase.LOADING, done, total)
            running.raise_if_cancelled()

    def _look_at_gpu(self) -> None:
        gpu = open_gpu()
        self._figures = None if gpu is None else read_gpu(gpu)

    def _keep_report(self, report: LoadReport) -> None:
        self._report = report


def _loaded(
    checkpoint: Checkpoint,
    seconds: float | None,
    report: LoadReport | None,
    figures: GpuFigures | None,
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
        compute_dtype=report.compute_dtype if report else None,
        compute_dtype_reason=report.compute_dtype_reason if report else None,
        from_cache=report.from_cache if report else None,
        weight_bytes=report.weight_bytes if report else None,
        gpu=gpu_pulse(report.gpu_tflops if report else None, figures),
    )


def gpu_pulse(tflops: float | None, figures: GpuFigures | None) -> GpuPulse | None:
    """What a load says of the GPU; None where there was none, or where it told nothing."""
    if tflops is None and figures is None:
        return None
    return GpuPulse(
        tflops=None if tflops is None else round(tflops, 1),
        clock_mhz=figures.clock_mhz if figures else None,
        max_clock_mhz=figures.max_clock_mhz if figures else None,
        power_watts=figures.power_watts if figures else None,
    )
