"""What a job that has its memory may take on top for others beside it, at nobody's cost."""

from dataclasses import dataclass

from common.memory.pool import PENDING, Lease, Situation, Stage


@dataclass(frozen=True)
class Slack:
    """What is left over now."""

    free_bytes: int
    """0 while another model waits for memory: that is whose it is."""
    accepted_before: float | None
    """Another model waits for the GPU with a job of that moment (seconds since the epoch); later
    jobs must not go before it. None: nobody waits."""


def slack(situation: Situation, model: str) -> Slack:
    """What nobody but ``model`` has a claim to."""
    tickets = [
        other.ticket
        for other in situation.leases
        if other.ticket is not None
        and other.model != model
        and other.stage in PENDING
        and not other.stale(situation.now)
    ]
    waiting = any(ticket.stage is Stage.WAITING for ticket in tickets)
    return Slack(
        free_bytes=0 if waiting else max(0, situation.free_bytes),
        accepted_before=min((ticket.accepted_at for ticket in tickets), default=None),
    )


def widened(lease: Lease, more_bytes: int, seconds: float | None) -> dict[str, object]:
    """What changes in a lease whose job takes more, and is now expected to take ``seconds``."""
    ticket = lease.ticket
    assert ticket is not None  # noqa: S101  # only jobs that have their memory are widened
    changes = {
        "total_bytes": ticket.total_bytes + more_bytes,
        "run_bytes": ticket.run_bytes + more_bytes,
        "seconds": seconds,
    }
    return {
        "ticket": ticket.model_copy(update=changes),
        "reserved_bytes": lease.held_bytes + more_bytes,
    }
