"""What a blow is."""

from typing import Protocol


class Blow(Protocol):
    """One kind of misfortune; made for one run, and used by one thread."""

    @property
    def name(self) -> str:
        """For --blows, and for the table."""

    def can(self) -> bool:
        """Whether this machine has what it takes."""

    def strike(self) -> float | None:
        """Strike; for how many seconds to leave it so. None where there was nothing to hit."""

    def heal(self) -> None:
        """Undo it, if there is anything to undo; also after a strike that failed."""
