"""What a waiting ticket may be told, and why it waits in words."""

from dataclasses import dataclass

from common.memory.pool import Lease, Situation, missing_bytes
from common.memory.words import in_gb


@dataclass(frozen=True)
class Grant:
    """The memory is yours."""


@dataclass(frozen=True)
class Evict:
    """Ask these models to make room, and look again."""

    models: tuple[str, ...]


@dataclass(frozen=True)
class Wait:
    """Not yet; ``why`` says for what in words, ``behind`` for whom."""

    why: str
    behind: tuple[str, ...] = ()


Decision = Grant | Evict | Wait


def told(situation: Situation, model: str, decision: Wait | Evict) -> str:
    """Why the ticket of ``model`` waits, with what it needs and what there is."""
    need = in_gb(missing_bytes(situation.lease(model)))
    free = in_gb(max(0, situation.free_bytes))
    if isinstance(decision, Evict):
        asked = " and ".join(decision.models)
        return f"needs {need}, {free} free, waiting for {asked} to make room"
    return f"needs {need}, {free} free, waiting for {decision.why}"


def blocked(situation: Situation, lease: Lease) -> Wait:
    """Why a ticket that is next has to wait all the same."""
    others = [o for o in situation.leases if o.model != lease.model and o.held_bytes]
    busy = [other.model for other in others if other.busy and not other.stale(situation.now)]
    if busy:
        return Wait(finishing(situation, busy), tuple(busy))
    stale = [other for other in others if other.stale(situation.now)]
    if stale:
        silent = situation.now - stale[0].beat
        why = f"{stale[0].model}, which has not answered for {silent:.0f} s"
        return Wait(why, (stale[0].model,))
    staying = [o.model for o in others if not o.pinned and situation.now < situation.stays_until(o)]
    if staying:
        return Wait(f"{staying[0]}, which was loaded a moment ago", (staying[0],))
    pinned = [other.model for other in others if other.pinned]
    if pinned:
        return Wait(f"memory: {pinned[0]} is pinned", (pinned[0],))
    return Wait("memory that other programs hold")


def finishing(situation: Situation, models: list[str]) -> str:
    """``wan21 to finish a job, about 4 min``: the one that is expected first."""
    ends = [(situation.lease(model).expected_end, model) for model in models]
    known = sorted((at, model) for at, model in ends if at is not None)
    if not known:
        return f"{models[0]} to finish a job"
    at, model = known[0]
    return f"{model} to finish a job, about {_about(max(0.0, at - situation.now))}"


def _about(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
