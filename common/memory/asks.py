"""What a worker asks the shared pool for, and how that becomes a ticket."""

from collections.abc import Callable
from dataclasses import dataclass

from common.base.errors import NotEnoughMemory
from common.memory.pool import Ticket
from common.memory.words import in_gb

OnWait = Callable[[str], None]
"""Told at every look why there is nothing yet. It may raise, to leave the queue of tickets."""


def unbounded(_most_bytes: int) -> None:
    """Nobody is told what a worker may hold."""


@dataclass(frozen=True)
class Ask:
    """What a job needs on top of what its worker holds, and whose job it is."""

    accepted_at: float
    number: int
    job_id: str | None
    more_bytes: int
    run_bytes: int = 0
    """Of these, what goes again with the job."""
    seconds: float | None = None
    less: str = "less"
    """What to ask for where this can never be had."""

    def ticket(self, used_bytes: int, now: float) -> Ticket:
        """Of a worker that holds ``used_bytes``."""
        return Ticket(
            accepted_at=self.accepted_at,
            number=self.number,
            job_id=self.job_id,
            total_bytes=used_bytes + self.more_bytes,
            run_bytes=self.run_bytes,
            seconds=self.seconds,
            since=now,
        )


def refuse_the_impossible(ticket: Ticket, most: int, less: str) -> None:
    """``most``: what one job could ever get here. Raises NotEnoughMemory."""
    if ticket.total_bytes > most:
        raise NotEnoughMemory(
            f"This needs {in_gb(ticket.total_bytes)}, and this machine's pool has"
            f" {in_gb(most)} in all.",
            hint=f"Ask for {less}, or run a smaller checkpoint or a smaller QUANTIZATION.",
        )
