"""A pool for tests: a machine whose memory is a number, a clock that is turned by hand."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from common.memory.arbiter import Arbiter
from common.memory.asks import unbounded
from common.memory.ledger import Ledger
from common.memory.pool import Rules
from common.memory.probe import MemoryKind, Reading

GB = 1024**3
NO_FLOOR = Rules(floor_bytes=0)


@dataclass
class Machine:
    """A probe and a clock. Time passes only in ``pause``, where things can be made to happen."""

    total: int = 100 * GB
    available: int = 100 * GB
    now: float = 1000.0
    on_pause: list[Callable[[], None]] = field(default_factory=list)

    def read(self) -> Reading:
        return Reading(
            kind=MemoryKind.FILE,
            source="a test",
            total_bytes=self.total,
            available_bytes=self.available,
            swap_free_bytes=0,
        )

    def clock(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        assert self.on_pause, "it waits, and nothing more will happen"
        self.now += seconds
        self.on_pause.pop(0)()


@dataclass
class Worker:
    """An arbiter, and what its process holds."""

    machine: Machine
    ledger: Ledger
    arbiter: Arbiter
    held: list[int]

    def hold(self, count: int) -> None:
        """Take memory, or give it back: the machine has that much less or more."""
        self.machine.available -= count - self.held[0]
        self.held[0] = count
        self.arbiter.beat()

    def die(self) -> None:
        """What the kernel does at a process' end: the lock goes, and the memory comes back."""
        assert self.ledger._seat is not None
        os.close(self.ledger._seat)
        self.machine.available += self.held[0]


def join(
    machine: Machine,
    folder: Path,
    model: str,
    rules: Rules = NO_FLOOR,
    *,
    pinned: bool = False,
    bound: Callable[[int], None] = unbounded,
) -> Worker:
    """A worker of ``model`` on this machine. Its lease lives as long as this test process."""
    held = [0]
    ledger = Ledger(folder, machine.clock)
    arbiter = Arbiter(
        ledger,
        machine,
        rules,
        model,
        used_bytes=lambda: held[0],
        pinned=pinned,
        bound=bound,
        clock=machine.clock,
        pause=machine.pause,
    )
    return Worker(machine, ledger, arbiter, held)
