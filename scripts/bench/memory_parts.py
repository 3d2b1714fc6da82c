"""What a history of the pool is made of: services, jobs, blows, and how long things take."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from common.memory import policy
from common.memory.decisions import Decision, Wait
from common.memory.pool import Lease, Situation


@dataclass(frozen=True)
class Service:
    """One model and its queue."""

    name: str
    load_bytes: int
    load_seconds: float
    pinned: bool = False


@dataclass(frozen=True)
class Job:
    """One video. ``expected``: what the policy is told of ``run_seconds``, if it is told.

    A job that is ``warm`` only loads.
    """

    service: str
    accepted_at: float
    run_bytes: int
    run_seconds: float
    tail_seconds: float = 0.0
    expected: float | None = None
    warm: bool = False


class Act(StrEnum):
    """What can happen at a moment."""

    ARRIVE = "arrive"
    START = "start"
    LOADED = "loaded"
    RAN = "ran"
    DONE = "done"
    NOTICE = "notice"
    EXIT = "exit"
    RETURN = "return"
    UNLOAD = "unload"
    RESUME = "resume"
    LOOK = "look"
    """Nothing but time has passed."""
    DIE = "die"
    PAUSE = "pause"
    OTHERS = "others"
    """Other programs take memory, or give it back."""


BLOWS = frozenset({Act.DIE, Act.PAUSE, Act.OTHERS})


@dataclass(frozen=True)
class Blow:
    """Something that nobody asked for. ``amount``: seconds of a pause, bytes of others.

    A pause of negative length ends in a kill.
    """

    act: Act
    at: float
    service: str = ""
    amount: float = 0


class Phase(StrEnum):
    """What a worker is about."""

    DOWN = "down"
    IDLE = "idle"
    WAITING = "waiting"
    LOADING = "loading"
    READY = "ready"
    """Loaded, and the GPU is not its own yet."""
    RUNNING = "running"
    TAIL = "tail"
    LEAVING = "leaving"


@dataclass(frozen=True)
class Delays:
    """Seconds. ``unload``: an idle model leaves after so long; None: only when it is asked."""

    start: float = 2.0
    notice: float = 0.25
    exit: float = 0.5
    memory_returns: float = 1.0
    unload: float | None = None


@dataclass
class Worker:
    """One service: its queue, and its process if there is one."""

    service: Service
    queue: tuple[int, ...] = ()
    """Numbers of jobs that have not ended; the first one is worked on."""
    phase: Phase = Phase.DOWN
    lease: Lease | None = None
    life: int = 0
    """Grows at every death, so that nothing planned before it still happens."""
    starting: bool = False
    asked: bool = False
    paused_until: float | None = None
    was_paused: bool = False

    @property
    def held(self) -> Lease:
        """The lease of a living process."""
        assert self.lease is not None  # noqa: S101  # callers look at living workers
        return self.lease


@dataclass(frozen=True)
class Departure:
    """As the ledger notes it."""

    held_bytes: int
    at: float
    available_bytes: int


@dataclass(frozen=True)
class Policy:
    """Who gets memory and who gets the GPU."""

    decide: Callable[[Situation, str], Decision] = policy.decide
    take_turn: Callable[[Situation, str], Wait | None] = policy.take_turn
