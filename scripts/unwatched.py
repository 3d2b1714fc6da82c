"""A job by itself, for what measures or trains beside the services."""

from collections.abc import Callable

from common.contract import Phase


class Unwatched:
    """A job that nobody watches or cancels: a ``JobContext``."""

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
        """Nobody listens."""

    def preview(self, step: int, picture: Callable[[], object]) -> None:
        """Nobody looks."""

    def raise_if_cancelled(self) -> None:
        """Nobody cancels."""
