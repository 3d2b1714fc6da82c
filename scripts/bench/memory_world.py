"""A machine in virtual time: workers on one pool of memory, and all that is planned for them."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from math import inf
from typing import Protocol

from common.memory.decisions import Decision
from common.memory.ledger import SETTLE_SECONDS
from common.memory.pool import Rules, Situation, free_bytes
from common.memory.probe import MemoryKind, Reading
from scripts.bench.memory_parts import (
    BLOWS,
    Act,
    Blow,
    Delays,
    Departure,
    Job,
    Phase,
    Policy,
    Service,
    Worker,
)

Event = tuple[float, int, Act, str, int, float]
"""When, in which order, what, to whom, in which of its lives (-1: any), and how much."""


class Watcher(Protocol):
    """Sees every decision before it takes effect, and the world after every event."""

    def decided(self, world: "World", situation: Situation, model: str, what: Decision) -> None:
        """A ticket asked for memory."""

    def turned(self, world: "World", situation: Situation, model: str) -> None:
        """A ticket gets the GPU."""

    def leaving(self, world: "World", situation: Situation, model: str) -> None:
        """A worker that was asked makes room."""

    def after(self, world: "World") -> None:
        """An event has had all its consequences."""


@dataclass
class World:
    """The state of a history. ``begun`` and ``ended`` say when each job was, by its number.

    ``refused`` keeps one service from getting anything until certain jobs have begun: that is how
    two futures are compared.
    """

    services: Sequence[Service]
    jobs: Sequence[Job]
    rules: Rules
    total_bytes: int
    blows: Sequence[Blow] = ()
    policy: Policy = field(default_factory=Policy)
    delays: Delays = field(default_factory=Delays)
    base_bytes: int = 0
    """Of a process without a model."""
    knows_what_comes: bool = False
    """Whether ``coming_bytes`` is the truth, and not what ``Ledger`` can tell from outside."""
    watcher: Watcher | None = None
    refused: tuple[str, frozenset[int]] | None = None
    now: float = 0.0
    others_bytes: int = 0
    returning_bytes: int = 0
    turn: int = 0
    steps: int = 0
    begun: dict[int, float] = field(default_factory=dict)
    ended: dict[int, float] = field(default_factory=dict)
    loads: tuple[str, ...] = ()
    departures: tuple[Departure, ...] = ()

    def __post_init__(self) -> None:
        self.workers = {service.name: Worker(service) for service in self.services}
        self._heap: list[Event] = []
        self._count = 0
        for number, job in sorted(enumerate(self.jobs), key=lambda pair: pair[1].accepted_at):
            self.plan(job.accepted_at, Act.ARRIVE, job.service, number)
        for blow in self.blows:
            self.plan(blow.at, blow.act, blow.service, blow.amount)

    def plan(self, at: float, act: Act, name: str, amount: float = 0, life: int = -1) -> None:
        """Let something happen, whatever becomes of the process; or in one of its lives only."""
        self._count += 1
        heappush(self._heap, (at, self._count, act, name, life, amount))

    def later(self, worker: Worker, seconds: float, act: Act, amount: float = 0) -> None:
        """Plan something that only this process can do."""
        self.plan(self.now + seconds, act, worker.service.name, amount, worker.life)

    @property
    def next_at(self) -> float:
        """When something happens next; ``inf``: never."""
        return self._heap[0][0] if self._heap else inf

    def next_event(self) -> Event | None:
        """Take the next event, and move the clock to it."""
        if not self._heap:
            return None
        event = heappop(self._heap)
        self.now = event[0]
        return event

    def fork(self, refused: tuple[str, frozenset[int]] | None = None) -> "World":
        """The same moment, with no more blows, and nobody watching."""
        other = copy.copy(self)
        other.workers = {name: copy.copy(worker) for name, worker in self.workers.items()}
        other._heap = [event for event in self._heap if event[2] not in BLOWS]
        heapify(other._heap)
        other.begun, other.ended = {}, dict(self.ended)
        other.watcher, other.refused = None, refused
        return other

    def situation(self) -> Situation:
        """What a worker sees when it looks now."""
        leases = tuple(worker.lease for worker in self.workers.values() if worker.lease)
        reading = Reading(
            kind=MemoryKind.FILE,
            source="a simulation",
            total_bytes=self.total_bytes,
            available_bytes=self.available_bytes,
            swap_free_bytes=0,
        )
        free = free_bytes(reading, leases, self.rules)
        return Situation(free, self._coming_bytes(), leases, self.now, self.rules)

    @property
    def available_bytes(self) -> int:
        """What a probe reads."""
        used = sum(worker.lease.used_bytes for worker in self.workers.values() if worker.lease)
        return max(0, self.total_bytes - self.others_bytes - self.returning_bytes - used)

    def _coming_bytes(self) -> int:
        """As ``Ledger.coming_bytes``."""
        if self.knows_what_comes:
            return self.returning_bytes
        return sum(
            max(0, gone.held_bytes - max(0, self.available_bytes - gone.available_bytes))
            for gone in self.departures
            if self.now - gone.at < SETTLE_SECONDS
        )

    def write(self, worker: Worker, phase: Phase | None = None, **changes: object) -> None:
        """Change a worker's lease and what it is about."""
        worker.lease = worker.held.model_copy(update=changes)
        worker.phase = phase or worker.phase

    def bury(self, worker: Worker) -> None:
        """The process is gone: its lease at once, its memory in a while."""
        used, held = worker.held.used_bytes, worker.held.held_bytes
        self.returning_bytes += used
        worker.lease, worker.phase, worker.life = None, Phase.DOWN, worker.life + 1
        worker.asked, worker.paused_until = False, None
        self.departures = (*self.departures, Departure(held, self.now, self.available_bytes))
        self.plan(self.now + self.delays.memory_returns, Act.RETURN, worker.service.name, used)
        self.plan(self.now + SETTLE_SECONDS + 0.01, Act.LOOK, worker.service.name)
