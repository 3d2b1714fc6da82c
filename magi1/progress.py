"""What a job tells while its chunks come."""

import numpy as np
import torch
from numpy.typing import NDArray

from common.contract import JobContext, Phase
from magi1.guidance import Call


class StepCounter:
    """Reports steps over the whole video and finished chunks, and leaves a cancelled job.

    A chunk is decoded between two steps, so a job is denoising until its last chunk is clean.
    """

    def __init__(self, context: JobContext, chunks: int) -> None:
        self._context = context
        self._chunk, self._chunks = 0, chunks
        self._step, self._steps = 0, 0

    def on_call(self, done: int, calls: int, call: Call, velocity: torch.Tensor) -> None:
        """A pass is done. Raises JobCancelled and JobReleased."""
        del call, velocity
        self._step, self._steps = done, calls
        self._report(Phase.DENOISING)
        self._context.raise_if_cancelled()

    def chunk_finished(self, frames: NDArray[np.uint8]) -> None:
        """Its middle frame is the preview: better than latents, and free."""
        self._chunk += 1
        self._context.preview(self._step, lambda: frames[len(frames) // 2])
        finished = 0 < self._steps == self._step
        self._report(Phase.DECODING if finished else Phase.DENOISING)
        self._context.raise_if_cancelled()

    def _report(self, phase: Phase) -> None:
        self._context.progress(
            phase, self._step, self._steps, chunk=self._chunk, chunks=self._chunks
        )
