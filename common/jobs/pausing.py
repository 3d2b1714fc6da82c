"""A queue that stands still: jobs are accepted, those that run go on, and none begins."""

from typing import Protocol


class Pausing(Protocol):
    """A store whose jobs may be left unclaimed for a while; a restart changes nothing of it."""

    def pause(self) -> None:
        """No job of this model is claimed from now on. Twice is as once."""

    def resume(self) -> None:
        """They are again, in the order in which they stand."""

    def paused_since(self) -> float | None:
        """Seconds since the epoch; None while jobs are claimed."""
