"""A job as a model sees it, in tests that call the model themselves."""

from collections.abc import Callable

from common.base.errors import JobCancelled
from common.contract import Phase


class Context:
    """A job that is cancelled at its first report of ``stop_at``, or never."""

    def __init__(self, stop_at: tuple[Phase, int] | None = None) -> None:
        self.stop_at = stop_at
        self.reports: list[tuple[Phase, int, int]] = []

    def progress(self, phase: Phase, step: int = 0, steps: int = 0) -> None:
        self.reports.append((phase, step, steps))

    def preview(self, step: int, picture: Callable[[], object]) -> None:
        picture()  # it must not change the video

    def raise_if_cancelled(self) -> None:
        if self.stop_at in [report[:2] for report in self.reports]:
            raise JobCancelled


class Unwatched(Context):
    """A job of which no preview is drawn."""

    def preview(self, step: int, picture: Callable[[], object]) -> None:
        """Nobody looks."""
