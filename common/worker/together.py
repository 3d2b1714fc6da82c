"""The ``BatchContext`` that a model sees: several running jobs as one."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from common.base.errors import JobReleased
from common.contract import JobContext, Phase
from common.worker.context import RunningJob

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Together:
    """Speaks for the jobs of a batch that are still in it."""

    def __init__(
        self,
        members: Sequence[RunningJob],
        held: Callable[[], Sequence[RunningJob]],
        sweep: Callable[[], None],
    ) -> None:
        """``held``: what the worker holds; ``sweep`` lets those go that must stop."""
        self.clips: Sequence[JobContext] = members
        self._members = members
        self._held = held
        self._sweep = sweep

    @property
    def present(self) -> list[RunningJob]:
        """Those that have not left, in their order."""
        held = self._held()
        return [member for member in self._members if member in held]

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
        for member in self.present:
            member.progress(phase, step, steps, chunk=chunk, chunks=chunks, loss=loss)

    def preview(self, step: int, picture: "Callable[[], NDArray[np.uint8]]") -> None:
        for member in self.present:
            member.preview(step, picture)

    def raise_if_cancelled(self) -> None:
        self._sweep()
        if not self.present:
            raise JobReleased
