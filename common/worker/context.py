"""A job while it runs: what the model tells us, and how we call it back."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from common.base.errors import JobCancelled, JobReleased
from common.contract import Phase
from common.jobs.model import Job, Progress
from common.worker.previews import Previews

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Shares of the bar. Denoising is nearly all of a real job; decoding is most of the rest.
_SPANS = {
    Phase.LOADING: (0.0, 0.0),
    Phase.ENCODING_PROMPT: (0.0, 2.0),
    Phase.DENOISING: (2.0, 88.0),
    Phase.DECODING: (88.0, 97.0),
    Phase.ENCODING_VIDEO: (97.0, 100.0),
}

REPORT_SECONDS = 0.05
"""At least between two words on one phase: who watches looks less often, and each word costs."""


class RunningJob:
    """The ``JobContext`` that a model sees. ``cancel`` and ``release`` come from other threads."""

    def __init__(
        self,
        job: Job,
        on_progress: Callable[[str, Progress], None],
        clock: Callable[[], float] = time.monotonic,
        previews: Previews | None = None,
    ) -> None:
        self.job = job
        self.token = job.token or ""
        self.batch_size = 1
        """How many jobs are made together with this one, it included."""
        self.fingerprint: str | None = None
        """What it is made of, as that was when making it began."""
        self.timings: dict[str, float] = {}
        self.latest = Progress()
        self._on_progress = on_progress
        self._previews = previews
        self._clock = clock
        self._started = self._phase_started = self._reported = clock()
        self._first_step = 0
        self._cancelled = threading.Event()
        self._released = threading.Event()

    def cancel(self) -> None:
        """The client wants it stopped."""
        self._cancelled.set()

    def release(self) -> None:
        """The worker must stop; the job goes back to the queue."""
        self._released.set()

    @property
    def released(self) -> bool:
        """Whether the worker must stop."""
        return self._released.is_set()

    @property
    def must_stop(self) -> bool:
        """Whether it was cancelled or called back."""
        return self._cancelled.is_set() or self._released.is_set()

    def raise_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise JobCancelled
        if self._released.is_set():
            raise JobReleased

    def progress(
        self,
        phase: Phase,
        step: int = 0,
        steps: int = 0,
        *,
        chunk: int = 0,
        chunks: int = 0,
        loss: float | None = None,
    ) -> None:
        now = self._clock()
        new_phase = phase is not self.latest.phase
        if new_phase:
            self._close_phase(now)
            self._first_step = step
        low, high = _SPANS[phase]
        share = step / steps if steps else 0.0
        self.latest = Progress(
            phase=phase,
            step=step,
            steps=steps,
            chunk=chunk or self.latest.chunk,  # what is finished stays so in later phases
            chunks=chunks or self.latest.chunks,
            percent=round(max(self.latest.percent, low + (high - low) * share), 1),
            seconds_elapsed=round(now - self._started, 3),
            seconds_left=self._seconds_left(now, step, steps),
            preview=self.latest.preview,
            loss=self.latest.loss if loss is None else loss,
        )
        if new_phase or now - self._reported >= REPORT_SECONDS:
            self._reported = now
            self._on_progress(self.job.id, self.latest)

    def preview(self, step: int, picture: "Callable[[], NDArray[np.uint8]]") -> None:
        if self._previews is not None and self._previews.offer(step, picture):
            self.latest = self.latest.model_copy(update={"preview": step})
            self._on_progress(self.job.id, self.latest)

    def wait(self, reason: str) -> None:
        """Say why nothing happens; leave the job if it was cancelled or called back."""
        self.raise_if_cancelled()
        waiting = self.latest.model_copy(update={"waiting_for": reason})
        if waiting != self.latest:
            self.latest = waiting
            self._on_progress(self.job.id, waiting)

    def hold(self, reason: str) -> None:
        """Say why nothing happens, whatever was asked meanwhile; it is a sign of life, too."""
        self.latest = self.latest.model_copy(update={"waiting_for": reason})
        self._on_progress(self.job.id, self.latest)

    def called_back(self, seconds: float) -> bool:
        """Wait; answers at once, and with True, when the worker must stop."""
        return self._released.wait(seconds)

    def finish(self) -> None:
        """Close the last phase's timing."""
        self._close_phase(self._clock())

    def share(self) -> None:
        """What a batch does together is over: each of its jobs is charged its part of it.

        Loading was not for the batch alone, and is charged in full.
        """
        self.finish()
        parts = {Phase.LOADING: 1}
        self.timings = {
            phase: round(seconds / parts.get(Phase(phase), self.batch_size), 4)
            for phase, seconds in self.timings.items()
        }

    def resume(self) -> None:
        """Its neighbours' turn is over: from now on time is its own again."""
        self._phase_started = self._clock()

    def _close_phase(self, now: float) -> None:
        if self.latest.phase is not None:
            spent = self.timings.get(self.latest.phase, 0.0) + now - self._phase_started
            self.timings[self.latest.phase.value] = round(spent, 4)
        self._phase_started = now

    def _seconds_left(self, now: float, step: int, steps: int) -> float | None:
        """What is left of this phase at the pace so far; unknown before a step was timed.

        A phase that begins with its first step done was not timed from the start.
        """
        if step == steps != 0:
            return 0.0
        if step <= self._first_step:
            return None
        pace = (now - self._phase_started) / (step - self._first_step)
        return round(pace * (steps - step), 1)
