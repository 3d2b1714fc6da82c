"""A running job, seen from inside a model: where it is, and whether it may go on."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Phase(StrEnum):
    """Where a running job is. Order is time order."""

    LOADING = "loading"
    ENCODING_PROMPT = "encoding_prompt"
    DENOISING = "denoising"
    DECODING = "decoding"
    ENCODING_VIDEO = "encoding_video"


class JobContext(Protocol):
    """A running job, seen from inside a model."""

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
        """Say where the job is: ``step`` of ``steps`` are done in ``phase``.

        A model that works piece by piece also says how many pieces are finished, and one that
        learns the loss of the step.
        """

    def preview(self, step: int, picture: "Callable[[], NDArray[np.uint8]]") -> None:
        """Offer a look at what there is after ``step``: uint8 [height, width, 3], any size.

        ``picture`` is called only where a preview is due; what it raises is logged, and fails
        nothing. The picture is scaled to 256 pixels on its long side.
        """

    def raise_if_cancelled(self) -> None:
        """Leave the job if it was cancelled or called back. Call it at every step.

        Raises:
            JobCancelled: the client cancelled.
            JobReleased: the worker must stop; the job goes back to the queue.
        """


class BatchContext(JobContext, Protocol):
    """Jobs that are made together: what is said of their batch is said of each of them.

    A cancelled clip leaves the batch at ``raise_if_cancelled``, which raises only once all have
    left. The model may go on with its slot; its frames are not drawn.
    """

    @property
    def clips(self) -> Sequence[JobContext]:
        """Each job by itself, in the order of the requests: for its own decoding."""
