"""Random histories of the pool, and what must hold at every moment of each.

The simulation is that of the benchmark. The checks use none of the policy's own functions, so that
a mistake there is not made here as well.
"""

from dataclasses import dataclass
from math import inf

from hypothesis import strategies as st

from common.memory.decisions import Decision, Evict, Grant
from common.memory.pool import PENDING, STALE_SECONDS, Lease, Rules, Situation, Stage
from scripts.bench.memory_parts import Act, Blow, Job, Phase, Service
from scripts.bench.memory_play import play, play_until_begun
from scripts.bench.memory_world import World

FLOOR, MARGIN = 4, 1
SETTLE_SECONDS = 5.0
EVICTION_SECONDS = 2.0
SLACK_SECONDS = 3.0
"""A process that starts, is noticed, exits and gives its memory back."""
ACTIVE = frozenset({Phase.LOADING, Phase.RUNNING, Phase.TAIL, Phase.LEAVING})


@dataclass(frozen=True)
class History:
    """``told``: what the policy knows of a job's length: right, nothing, or wrong."""

    services: tuple[Service, ...]
    jobs: tuple[Job, ...]
    blows: tuple[Blow, ...]
    rules: Rules
    capacity: int
    base: int

    def world(self, checks: "Checks | None" = None) -> World:
        return World(
            self.services,
            self.jobs,
            self.rules,
            self.capacity + FLOOR + MARGIN,
            blows=self.blows,
            base_bytes=self.base,
            knows_what_comes=checks is not None and checks.futures,
            watcher=checks,
        )

    def fits(self, job: Job) -> bool:
        """Whether a job could begin if everybody else made room who can be asked to."""
        others = [service for service in self.services if service.name != job.service]
        pinned = sum(self.base + service.load_bytes for service in others if service.pinned)
        load = next(s.load_bytes for s in self.services if s.name == job.service)
        own = self.base + load + (0 if job.warm else job.run_bytes)
        return pinned + own <= self.capacity


def _small(most: int, least: int = 0) -> st.SearchStrategy[int]:
    return st.integers(least, most)


_SERVICES = st.lists(st.tuples(_small(8, 1), _small(6), _small(11)), min_size=2, max_size=4)
_JOBS = st.lists(
    st.tuples(_small(3), _small(20), _small(5), _small(9, 1), _small(5), _small(7)),
    min_size=2,
    max_size=6,
)
_BLOWS = st.lists(st.tuples(_small(3), _small(40), _small(3), _small(9, 1)), max_size=3)
_RULES = st.tuples(_small(16, 10), _small(3), _small(2), _small(3))


@st.composite
def histories(draw: st.DrawFn, blows: bool = True, told: str = "mixed") -> History:
    """Small numbers, so that things collide; a job longer than its queue's is as likely as not."""
    capacity, gpu, residence, base = draw(_RULES)
    services = tuple(
        Service(f"m{index}", load, 2.0 * seconds, pinned=pin == 11)
        for index, (load, seconds, pin) in enumerate(draw(_SERVICES))
    )
    jobs = tuple(_job(services, told, *numbers) for numbers in draw(_JOBS))
    chosen = draw(_BLOWS) if blows else []
    rules = Rules(
        floor_bytes=FLOOR,
        gpu_jobs=2 if gpu == 3 else 1,
        residence_seconds=(0.0, 4.0, 15.0)[residence],
    )
    hits = tuple(hit for numbers in chosen for hit in _blow(services, *numbers))
    return History(services, jobs, hits, rules, capacity, base=1 if blows and base == 3 else 0)


def _job(
    services: tuple[Service, ...],
    told: str,
    who: int,
    at: int,
    run: int,
    length: int,
    tail: int,
    kind: int,
) -> Job:
    seconds = float(length * length)
    knows = {"right": seconds, "mixed": seconds if kind % 2 else None}
    wrong = {1: seconds * 4, 2: seconds / 4, 3: None}.get(kind, seconds)
    expected = wrong if told == "wrong" else knows[told]
    name = services[who % len(services)].name
    return Job(name, float(at), run, seconds, float(max(0, tail - 2)), expected, warm=kind == 7)


def _blow(
    services: tuple[Service, ...], who: int, at: int, kind: int, amount: int
) -> tuple[Blow, ...]:
    """Memory that other programs take comes back: no job could count on an end otherwise."""
    name, at2 = services[who % len(services)].name, at + 0.1
    if kind == 0:
        return (Blow(Act.DIE, at2, name),)
    if kind == 1:
        return (Blow(Act.PAUSE, at2, name, amount * (10 if amount % 2 else -10)),)
    taken = Blow(Act.OTHERS, at2, "", amount)
    return (taken, Blow(Act.OTHERS, at2 + 7 * amount, "", -amount))


@dataclass
class Checks:
    """Watches one history. ``futures``: compare those with and without every pass."""

    history: History
    futures: bool = False
    quiet_since: float | None = None
    passes: int = 0

    # Every decision

    def decided(self, world: World, situation: Situation, model: str, what: Decision) -> None:
        lease = situation.lease(model)
        if isinstance(what, Grant):
            self._granted(world, situation, lease)
            self._passed(world, situation, lease)
        elif isinstance(what, Evict):
            self._evicted(situation, lease, what.models)

    def turned(self, world: World, situation: Situation, model: str) -> None:
        self._passed(world, situation, situation.lease(model))

    def leaving(self, world: World, situation: Situation, model: str) -> None:
        assert _may_leave(situation, situation.lease(model))

    def _granted(self, world: World, situation: Situation, lease: Lease) -> None:
        assert lease.ticket
        promised = sum(max(o.reserved_bytes, o.used_bytes) - o.used_bytes for o in situation.leases)
        more = max(0, lease.ticket.total_bytes - lease.held_bytes)
        assert more <= world.available_bytes - promised - FLOOR - MARGIN, (
            "granted what is not there"
        )

    def _evicted(self, situation: Situation, lease: Lease, models: tuple[str, ...]) -> None:
        assert lease.ticket
        assert lease.model not in models
        missing = lease.ticket.total_bytes - lease.held_bytes
        going = [o for o in situation.leases if o.leaving and _lives(situation, o)]
        short = missing - situation.free_bytes - situation.coming_bytes - _held(going)
        chosen = [situation.lease(model) for model in models]
        assert all(_may_leave(situation, other) for other in chosen)
        assert _held(chosen) >= short > 0, "evicted for nothing"
        for other in chosen:
            assert _order(other) > _order(lease) or _hopeless(situation, other)
        for spare in chosen:
            assert _held(chosen) - spare.held_bytes < short, "one more than needed"
        latest = max(other.last_used for other in chosen)
        younger = [o for o in situation.leases if _order(o) > _order(lease)]
        models = [o for o in younger if _may_leave(situation, o) and _models(o)]
        unused = [o for o in models if o.last_used < latest]
        assert _held(unused) < short, "not the least recently used"

    # Every pass: an older ticket must not begin later for it

    def _passed(self, world: World, situation: Situation, lease: Lease) -> None:
        older = frozenset(
            other.ticket.number
            for other in situation.leases
            if other.ticket and other.ticket.stage in PENDING and _order(other) < _order(lease)
            if not other.leaving and _lives(situation, other)
        )
        if not (self.futures and older) or _hidden(world, lease):
            return
        self.passes += 1
        name = lease.model
        passed = play_until_begun(world.fork(), older, first=name).begun
        kept = play_until_begun(world.fork(refused=(name, older)), older).begun
        late = {n: (passed.get(n, inf), kept.get(n, inf)) for n in older}
        late = {n: at for n, at in late.items() if at[0] > at[1] + EVICTION_SECONDS}
        assert not late, f"at {world.now} {name} delays {late} (with it, without it)"

    # Every moment

    def after(self, world: World) -> None:
        leases = [worker.lease for worker in world.workers.values() if worker.lease]
        assert _held(leases) <= self.history.capacity + self.history.base * len(leases)
        running = [
            worker
            for worker in world.workers.values()
            if worker.phase is Phase.RUNNING and not worker.was_paused
        ]
        assert len(running) <= world.rules.gpu_jobs
        self._goes_on(world)

    def _goes_on(self, world: World) -> None:
        """A quiet machine with something to do must do it before long."""
        situation = world.situation()
        if not _quiet(world) or not any(_able(situation, o) for o in situation.leases):
            self.quiet_since = None
            return
        if self.quiet_since is None:
            self.quiet_since = world.now
        patience = world.rules.residence_seconds + STALE_SECONDS + SETTLE_SECONDS + SLACK_SECONDS
        assert world.next_at <= self.quiet_since + patience, "nothing goes on"

    # The end

    def ended(self, world: World) -> None:
        """Every job has ended that fits, and so have all before it in its queue."""
        for service in self.history.services:
            queue = sorted(
                (job.accepted_at, number)
                for number, job in enumerate(self.history.jobs)
                if job.service == service.name
            )
            for _, number in queue:
                if not self.history.fits(self.history.jobs[number]):
                    break
                assert number in world.ended, f"job {number} never ended"


def check(history: History, *, futures: bool = False) -> Checks:
    """Play a history under all checks."""
    checks = Checks(history, futures)
    checks.ended(play(history.world(checks)))
    return checks


def _order(lease: Lease) -> tuple[float, str, int]:
    ticket = lease.ticket
    return (ticket.accepted_at, lease.model, ticket.number) if ticket else (inf, lease.model, 0)


def _held(leases: list[Lease]) -> int:
    return sum(max(lease.reserved_bytes, lease.used_bytes) for lease in leases)


def _lives(situation: Situation, lease: Lease) -> bool:
    return situation.now - lease.beat <= STALE_SECONDS


def _busy(lease: Lease) -> bool:
    return lease.ticket is not None and lease.ticket.stage is not Stage.WAITING


def _models(lease: Lease) -> bool:
    """Not so an empty worker that waits for memory: it would come back with what it holds."""
    return lease.loaded or _busy(lease) or lease.ticket is None


def _may_leave(situation: Situation, lease: Lease) -> bool:
    stays = lease.loaded and situation.now < lease.loaded_at + situation.rules.residence_seconds
    kept = lease.pinned or lease.leaving or stays
    can = _models(lease) or _hopeless(situation, lease)
    return can and not (kept or _busy(lease)) and _lives(situation, lease)


def _hopeless(situation: Situation, lease: Lease) -> bool:
    """Whether a ticket cannot be served even when all others have ended and left."""
    assert lease.ticket
    others = [o for o in situation.leases if o.model != lease.model]
    room = [o for o in others if not o.pinned and _models(o) and _lives(situation, o)]
    missing = lease.ticket.total_bytes - lease.held_bytes
    return missing > situation.free_bytes + situation.coming_bytes + _held(room)


def _hidden(world: World, lease: Lease) -> bool:
    """Whether an older job has no ticket yet: its worker has another job, or is starting.

    No policy can spare what it does not see; what becomes of such a history says nothing.
    """
    assert lease.ticket
    shown = {
        worker.queue[0] for worker in world.workers.values() if worker.lease and worker.held.ticket
    }
    queued = {number for worker in world.workers.values() for number in worker.queue}
    return any(world.jobs[n].accepted_at <= lease.ticket.accepted_at for n in queued - shown)


def _quiet(world: World) -> bool:
    return not any(
        worker.starting
        or (
            worker.lease
            and worker.phase in ACTIVE
            and world.now - worker.held.beat <= STALE_SECONDS
        )
        for worker in world.workers.values()
    )


def _able(situation: Situation, lease: Lease) -> bool:
    """Whether a ticket could go on, if all who can made room."""
    if lease.ticket is None or lease.leaving or not _lives(situation, lease):
        return False
    if lease.ticket.stage is Stage.GRANTED:
        return True
    room = [
        other
        for other in situation.leases
        if other.model != lease.model and not other.pinned
        if not _busy(other) and _models(other) and _lives(situation, other)
    ]
    missing = lease.ticket.total_bytes - lease.held_bytes
    return missing <= situation.free_bytes + situation.coming_bytes + _held(room)
