"""Who gets memory, who gets the GPU, who must make room: pure functions of the situation.

Tickets are served in the order in which their jobs were accepted. A younger one goes first only
where that costs no older one anything: with it in place the older one would begin as early as
without it. That is backfilling with reservations (EASY: D. Lifka, "The ANL/IBM SP scheduling
system", JSSPP 1995), with every older ticket protected, not the first alone.
"""

from collections.abc import Iterable
from itertools import takewhile

from common.memory.decisions import Decision, Evict, Grant, Wait, blocked, finishing
from common.memory.pool import (
    PENDING,
    Lease,
    Situation,
    Stage,
    gift_bytes,
    missing_bytes,
    order,
)


def decide(situation: Situation, model: str) -> Decision:
    """What the waiting ticket of ``model`` may do now."""
    lease = situation.lease(model)
    older = [o for o in _older(situation, lease) if o.stage is Stage.WAITING]
    fits = missing_bytes(lease) <= situation.free_bytes
    if fits and not any(_costs(situation, lease, other) for other in older):
        return Grant()
    if older:
        return Wait(f"{older[0].model}, whose job came first", (older[0].model,))
    if situation.shortage_bytes(lease) <= 0:
        return Wait("memory that is on its way back")
    victims = _victims(situation, lease)
    return Evict(victims) if victims else blocked(situation, lease)


def take_turn(situation: Situation, model: str) -> Wait | None:
    """Why the granted ticket of ``model`` may not go onto the GPU yet; None: it may."""
    lease = situation.lease(model)
    on_gpu = [
        other.model
        for other in situation.leases
        if other.stage is Stage.ON_GPU and not other.stale(situation.now)
    ]
    ahead = _ahead(situation, lease)
    if len(on_gpu) + len(ahead) < situation.rules.gpu_jobs:
        return None
    if on_gpu:
        return Wait(finishing(situation, on_gpu), tuple(on_gpu))
    return Wait(f"{ahead[0]}, whose job came first", (ahead[0],))


def victim(leases: Iterable[Lease], now: float) -> str | None:
    """Whom to stop when memory runs out: the newest load, else the largest job, else anyone.

    What is stopped or paused takes no more memory, and its owner may be paused too. Where all seem
    to be, it is their disk that takes no beats.
    """
    leases = tuple(leases)
    alive = [lease for lease in leases if not lease.stale(now)] or leases
    loading = [lease for lease in alive if lease.busy and not lease.loaded]
    if loading:
        return max(loading, key=lambda lease: lease.ticket.since if lease.ticket else 0.0).model
    jobs = [lease for lease in alive if lease.busy] or [lease for lease in alive if lease.loaded]
    return max(jobs, key=lambda lease: lease.used_bytes).model if jobs else None


def evictable(lease: Lease, situation: Situation) -> bool:
    """Whether a lease could be asked to make room now: an empty one, where it cannot go on."""
    settled = situation.now >= situation.stays_until(lease)
    kept = lease.busy or lease.leaving or lease.pinned or lease.stale(situation.now)
    return settled and not kept and (lease.has_room or _stuck(situation, lease))


# What a ticket lacks, and who could give it


def _stuck(situation: Situation, lease: Lease) -> bool:
    """Whether nothing that we could do gets a ticket on: it then holds nobody up."""
    if lease.stale(situation.now) or lease.leaving:
        return True
    if lease.stage is not Stage.WAITING:
        return False
    return situation.shortage_bytes(lease) > gift_bytes(situation.givers(lease))


def _pending(situation: Situation) -> list[Lease]:
    """Tickets that have not had their turn and still can have it, in order."""
    waiting = [lease for lease in situation.leases if lease.stage in PENDING]
    return sorted((lease for lease in waiting if not _stuck(situation, lease)), key=order)


def _older(situation: Situation, lease: Lease) -> list[Lease]:
    return [other for other in _pending(situation) if order(other) < order(lease)]


def _victims(situation: Situation, lease: Lease) -> tuple[str, ...]:
    """Whom to ask: idle models, the longest unused first; none if they are not enough.

    Whoever waits among them has a younger ticket, or one that is stuck. Empty workers come last:
    two that wait for nothing but each other's bare processes would wait for ever.
    """
    idle = [other for other in situation.givers(lease) if evictable(other, situation)]
    by_use = sorted(idle, key=lambda other: other.last_used)
    shortage = situation.shortage_bytes(lease)
    chosen = _fewest(by_use, shortage) or _fewest([*by_use, *_empty(situation, lease)], shortage)
    return tuple(other.model for other in chosen)


def _empty(situation: Situation, lease: Lease) -> list[Lease]:
    """Empty workers that wait and cannot go on, and would not go before this ticket.

    Each comes back at once, but not before what it held has been granted.
    """
    return [
        other
        for other in situation.leases
        if other.stage is Stage.WAITING and not other.has_room and evictable(other, situation)
        if order(lease) < order(other) or (other is not lease and _hopeless(situation, other))
    ]


def _hopeless(situation: Situation, lease: Lease) -> bool:
    """Whether a ticket lacks more than all others could give, their bare processes included."""
    others = [
        other
        for other in situation.leases
        if other.model != lease.model and not (other.pinned or other.stale(situation.now))
    ]
    return situation.shortage_bytes(lease) > gift_bytes(others)


def _fewest(leases: Iterable[Lease], shortage: int) -> list[Lease]:
    """The first ones that cover a shortage, without those that are not needed; else none."""
    chosen: list[Lease] = []
    for lease in leases:
        if gift_bytes(chosen) < shortage:
            chosen.append(lease)
    if gift_bytes(chosen) < shortage:
        return []
    for lease in tuple(chosen):  # a later one may be large enough to spare an earlier one
        if gift_bytes(chosen) - lease.gift_bytes >= shortage:
            chosen.remove(lease)
    return chosen


# Passing: who may go before an older ticket


def _costs(situation: Situation, lease: Lease, older: Lease) -> bool:
    """Whether an older ticket could begin later, or at the price of another eviction, for this one.

    Nobody knows in which order the others will take and give back their memory. So all that could
    come of it is looked at: what is enough for the older ticket must still be enough with this one
    there, which then is not among those that can be asked to leave.
    """
    own = gift_bytes(o for o in situation.givers(older) if o.model == lease.model)
    short = situation.shortage_bytes(older)
    sums = {0}
    for parts in _changes(situation, lease, older):
        sums |= {given + part for given in sums for part in parts}
    return any(short - own <= given < short + missing_bytes(lease) for given in sums)


def _changes(situation: Situation, lease: Lease, older: Lease) -> Iterable[tuple[int, ...]]:
    """What each other one could give: a job's own memory at its end, then its model; or take."""
    for other in situation.givers(older):
        if other.model != lease.model:
            yield other.run_bytes, other.gift_bytes
    for other in _older(situation, older):
        if other.ticket is not None and other.stage is Stage.WAITING:
            taken = missing_bytes(other)
            yield -taken, min(0, other.ticket.run_bytes - taken)


def _ahead(situation: Situation, lease: Lease) -> list[str]:
    """Who has the GPU before this ticket: the older ones, and those that an older one waits for.

    A younger job that holds what an older one lacks has to end first, and inherits its place.
    """
    line: list[str] = []
    for other in _pending(situation):
        assert other.ticket is not None  # noqa: S101  # _pending says so
        if other.stage is Stage.WAITING:
            line += [holder for holder in _holders(situation, other) if holder not in line]
        if other.model not in line and other.ticket.job_id is not None:
            line.append(other.model)
    before = list(takewhile(lambda model: model != lease.model, line))
    return [model for model in before if not _ends_before(situation, lease, model)]


def _holders(situation: Situation, older: Lease) -> list[str]:
    """Granted ones without whose end this waiting ticket cannot begin, as few as needed."""
    givers = situation.givers(older)
    granted = [other for other in givers if _queues_for_gpu(other)]
    others = gift_bytes(givers) - gift_bytes(granted)
    chosen = _fewest(sorted(granted, key=order), situation.shortage_bytes(older) - others)
    return [lease.model for lease in chosen]


def _ends_before(situation: Situation, lease: Lease, model: str) -> bool:
    """Whether this job is expected to be over before the older one could begin at the earliest."""
    assert lease.ticket is not None  # noqa: S101  # only tickets ask
    older = situation.lease(model)
    if lease.ticket.seconds is None or older.stage is not Stage.WAITING:
        return False
    ends = situation.now + lease.ticket.seconds
    soon = sum(_gives_before(situation, other, ends) for other in situation.givers(older))
    return situation.shortage_bytes(older) > soon


def _gives_before(situation: Situation, lease: Lease, moment: float) -> int:
    """What could come back from a lease before a moment, if it all went as expected or faster."""
    if _queues_for_gpu(lease) or (lease.expected_end or situation.now) >= moment:
        return 0
    return lease.gift_bytes if situation.stays_until(lease) < moment else lease.run_bytes


def _queues_for_gpu(lease: Lease) -> bool:
    return lease.stage is Stage.GRANTED and lease.ticket is not None and bool(lease.ticket.job_id)
