"""The records of the shared memory pool: leases, tickets, and the rules that hold for all.

Times are seconds of the system's monotonic clock, which all containers of one machine share.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from pydantic import BaseModel, ConfigDict

from common.memory.probe import Reading

STALE_SECONDS = 15.0
"""A worker says every second that it lives; after this it is taken for stopped or paused."""


class Stage(StrEnum):
    """How far a ticket is. Order is time order."""

    WAITING = "waiting"
    """For memory."""
    GRANTED = "granted"
    """It has its memory; it loads, or waits for its turn on the GPU."""
    ON_GPU = "on_gpu"
    TAIL = "tail"
    """Off the GPU: the encoder finishes on the CPU."""


PENDING = frozenset({Stage.WAITING, Stage.GRANTED})


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Ticket(_Record):
    """What one job asks for: all of its memory at once, and a turn on the GPU.

    ``total_bytes`` is what its worker will hold in all while the job runs; ``seconds`` how long
    it is expected to take once it has the memory, where that is known.
    """

    accepted_at: float
    """Seconds since the epoch, as the job's row says: tickets are served in this order."""
    number: int
    job_id: str | None
    """None: the model is being warmed up."""
    total_bytes: int
    run_bytes: int = 0
    """Of that, what comes back when the job ends; the rest is the model. 0: not known."""
    seconds: float | None = None
    stage: Stage = Stage.WAITING
    since: float = 0.0
    """When it got to its stage."""


class Lease(_Record):
    """A worker's place in the pool, as it wrote it itself; it dies with its process."""

    model: str
    pid: int
    reserved_bytes: int = 0
    """What it may hold, touched or not."""
    used_bytes: int = 0
    """What it does hold, by its own account: nobody else can see CUDA memory."""
    weights_bytes: int = 0
    """What it held when its model had been loaded."""
    loaded: bool = False
    loaded_at: float = 0.0
    last_used: float = 0.0
    pinned: bool = False
    leaving: bool = False
    """It has been asked to make room, and will claim nothing more."""
    beat: float = 0.0
    """Its last sign of life."""
    ticket: Ticket | None = None

    @property
    def held_bytes(self) -> int:
        """What nobody else can have."""
        return max(self.reserved_bytes, self.used_bytes)

    @property
    def busy(self) -> bool:
        """Whether a job has this memory now."""
        return self.ticket is not None and self.ticket.stage is not Stage.WAITING

    @property
    def stage(self) -> Stage | None:
        """Of its ticket."""
        return self.ticket.stage if self.ticket else None

    @property
    def run_bytes(self) -> int:
        """What comes back when its job ends; 0: nothing, or not known."""
        return self.ticket.run_bytes if self.ticket and self.busy else 0

    @property
    def gift_bytes(self) -> int:
        """What others get when it has ended its job and made room.

        A pinned model stays. The bare process of another one goes too: its next worker, should
        there be work for one, comes seconds after whoever asked has been granted its memory.
        """
        return self.run_bytes if self.pinned and self.run_bytes else self.held_bytes

    @property
    def has_room(self) -> bool:
        """Whether its end would help others.

        That of a worker without a model that waits for memory would not: it comes back at once.
        One without a model that waits for nothing may hold what a load left that was broken off.
        """
        return self.held_bytes > 0 and (self.busy or self.loaded or self.ticket is None)

    @property
    def expected_end(self) -> float | None:
        """When its job is expected to be off the GPU, if it is there and that is known."""
        if self.ticket is None or self.stage is not Stage.ON_GPU or self.ticket.seconds is None:
            return None
        return self.ticket.since + self.ticket.seconds

    def stale(self, now: float) -> bool:
        """Whether its process is stopped or its container paused: nothing it holds comes back."""
        return now - self.beat > STALE_SECONDS


@dataclass(frozen=True)
class Rules:
    """What is the same for every service of one machine."""

    floor_bytes: int
    """Always left free; below it the watchdog shoots."""
    pool_bytes: int | None = None
    """Hand out at most so much; None: all that is available."""
    gpu_jobs: int = 1
    residence_seconds: float = 0.0
    """A model stays at least so long after it was loaded."""

    @property
    def margin_bytes(self) -> int:
        """Never handed out, on top of the floor: noise, and the interpreters of empty workers."""
        return self.floor_bytes // 4


@dataclass(frozen=True)
class Situation:
    """All that a decision stands on. ``leases`` are those of living processes."""

    free_bytes: int
    """What can be handed out now."""
    coming_bytes: int
    """What has left the ledger a moment ago, and is not yet seen as free."""
    leases: tuple[Lease, ...]
    now: float
    rules: Rules

    def lease(self, model: str) -> Lease:
        """The lease of one model."""
        return next(lease for lease in self.leases if lease.model == model)

    def stays_until(self, lease: Lease) -> float:
        """When a model has been there for its minimum residence."""
        return lease.loaded_at + self.rules.residence_seconds if lease.loaded else 0.0

    def shortage_bytes(self, lease: Lease) -> int:
        """What a ticket still lacks when all that has left, or is leaving, has come back."""
        leaving = (other for other in self.leases if other.leaving and not other.stale(self.now))
        return missing_bytes(lease) - self.free_bytes - self.coming_bytes - gift_bytes(leaving)

    def givers(self, lease: Lease) -> list[Lease]:
        """The others whose memory comes back some day: idle when asked, busy at their end."""
        return [
            other
            for other in self.leases
            if other.model != lease.model
            and other.has_room
            and (other.busy or not other.pinned)
            and not (other.leaving or other.stale(self.now))
        ]


def capacity_bytes(total_bytes: int, rules: Rules) -> int:
    """The most that a single job could ever get."""
    most = total_bytes - rules.floor_bytes - rules.margin_bytes
    return max(0, most if rules.pool_bytes is None else min(most, rules.pool_bytes))


def free_bytes(reading: Reading, leases: tuple[Lease, ...], rules: Rules) -> int:
    """What can be handed out now: available, less what is promised and not yet touched."""
    untouched = sum(max(0, lease.reserved_bytes - lease.used_bytes) for lease in leases)
    free = reading.available_bytes - untouched - rules.floor_bytes - rules.margin_bytes
    if rules.pool_bytes is not None:
        free = min(free, rules.pool_bytes - sum(lease.held_bytes for lease in leases))
    return free


def order(lease: Lease) -> tuple[float, str, int]:
    """Tickets are served in this order; a lease without one comes last."""
    ticket = lease.ticket
    return (ticket.accepted_at, lease.model, ticket.number) if ticket else (inf, lease.model, 0)


def missing_bytes(lease: Lease) -> int:
    """What a lease needs on top of what it has reserved already."""
    assert lease.ticket is not None  # noqa: S101  # only tickets ask
    return max(0, lease.ticket.total_bytes - lease.held_bytes)


def gift_bytes(leases: Iterable[Lease]) -> int:
    """What others would get from all of these."""
    return sum(lease.gift_bytes for lease in leases)
