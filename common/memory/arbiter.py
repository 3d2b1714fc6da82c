"""A worker's side of the shared pool: asks, waits, takes its turn, makes room.

All workers follow the same policy on the same ledger, one at a time, and each acts only for itself:
there is no server that could die.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from functools import partial

from common.base.errors import JobReleased
from common.base.logs import get_logger
from common.memory.asks import Ask, OnWait, refuse_the_impossible, unbounded
from common.memory.decisions import Evict, Grant, told
from common.memory.ledger import Ledger
from common.memory.policy import decide, evictable, take_turn
from common.memory.pool import (
    Lease,
    Rules,
    Situation,
    Stage,
    Ticket,
    capacity_bytes,
    free_bytes,
)
from common.memory.probe import Probe
from common.memory.slack import Slack, slack, widened
from common.memory.words import in_gb

log = get_logger("memory")

LOOK_SECONDS = 0.2
"""Between two looks at the ledger while waiting."""


class Arbiter:
    """One worker's lease. Its methods are called from one thread; ``beat`` from any."""

    def __init__(
        self,
        ledger: Ledger,
        probe: Probe,
        rules: Rules,
        model: str,
        *,
        used_bytes: Callable[[], int],
        pinned: bool = False,
        bound: Callable[[int], None] = unbounded,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """``bound``: told what this worker may hold from now on, whenever that changes."""
        self._ledger = ledger
        self._probe = probe
        self._rules = rules
        self._used_bytes = used_bytes
        self._bound = bound
        self._clock = clock
        self._pause = pause
        self._writing = threading.RLock()
        self._lease = Lease(
            model=model,
            pid=os.getpid(),
            pinned=pinned,
            beat=clock(),
            used_bytes=used_bytes(),
        )
        with ledger.deciding():
            ledger.bury(probe.read().available_bytes)
            ledger.join(self._lease)

    def beat(self) -> None:
        """Show life, and what is held; every second. Raises OSError: not even life can be shown."""
        now = self._clock()
        try:
            self._write(used_bytes=self._used_bytes(), beat=now)
        except OSError:
            self._ledger.show_life(self._lease.model, now)

    def ask(self, ask: Ask, on_wait: OnWait) -> None:
        """Wait for the memory of a job. It is this worker's until ``finish``.

        Raises:
            NotEnoughMemory: no pool of this size could ever hold it.
            JobReleased: this worker has been asked to make room.
        """
        started = self._clock()
        used = self._used_bytes()
        ticket = ask.ticket(used, started)
        try:
            most = capacity_bytes(self._probe.read().total_bytes, self._rules)
            refuse_the_impossible(ticket, most, ask.less)
            self._wait(partial(self._write, ticket=ticket, used_bytes=used), on_wait)
            self._wait(self._granted, on_wait)
        except BaseException:
            self._give_back(ticket=None)
            raise
        waited = self._clock() - started
        if waited >= LOOK_SECONDS:
            log.info("memory granted", extra={"waited_seconds": round(waited, 3)})

    def slack(self) -> Slack:
        """What this worker's job could have on top now, at nobody's cost."""
        with self._ledger.deciding():
            return slack(self._situation(), self._lease.model)

    def widen(self, more_bytes: int, seconds: float | None) -> bool:
        """Take so much on top until ``finish``, for a job that is now expected to take so long.

        It never waits: False where the slack is not that large, or the ledger's disk is full.
        """
        with contextlib.suppress(OSError):
            return self._widened(more_bytes, seconds)
        return False

    def _widened(self, more_bytes: int, seconds: float | None) -> bool:
        with self._ledger.deciding():
            if slack(self._situation(), self._lease.model).free_bytes < more_bytes:
                return False
            self._write(**widened(self._lease, more_bytes, seconds))
        self._bound(self.most_bytes)
        return True

    def take_turn(self, on_wait: OnWait) -> None:
        """Wait for the GPU; it is this worker's until ``end_turn``."""
        self._wait(self._on_gpu, on_wait)

    def end_turn(self) -> None:
        """The last frame is decoded: the next ticket may have the GPU."""
        if self._lease.ticket is not None:
            self._give_back(ticket=self._staged(self._lease.ticket, Stage.TAIL))

    def loaded(self) -> None:
        """The weights are in memory."""
        used = self._used_bytes()
        self._give_back(loaded=True, loaded_at=self._clock(), used_bytes=used, weights_bytes=used)
        self._bound(self.most_bytes)

    def finish(self) -> None:
        """The job is over: only what is really held stays reserved.

        Never less than the loaded model: pages of an idle one may have been put aside for a while.
        """
        used = self._used_bytes()
        held = max(used, self._lease.weights_bytes) if self._lease.loaded else 0
        now = self._clock()
        self._give_back(ticket=None, used_bytes=used, reserved_bytes=held, last_used=now)
        self._bound(self.most_bytes)

    @property
    def most_bytes(self) -> int:
        """What this worker may hold: its lease, and the margin that is there for such noise."""
        return self._lease.held_bytes + self._rules.margin_bytes

    def must_leave(self) -> bool:
        """Whether this worker has been asked to make room and is free to go; it then must."""
        if self._lease.leaving:
            return True
        model = self._lease.model
        asked = self._ledger.eviction(model)
        if asked is None:
            return False
        with self._ledger.deciding():
            if not evictable(self._lease, self._situation()):
                self._ledger.spare(model)
                return False
            self._give_back(leaving=True)
        log.info("making room", extra={"for": asked.by, "held": in_gb(self._lease.held_bytes)})
        return True

    # Machinery

    def _wait(self, step: Callable[[], str | None], on_wait: OnWait) -> None:
        """Try until it answers no reason to wait; a ledger that cannot be written is one."""
        while (reason := self._reason(step)) is not None:
            on_wait(reason)
            self._pause(LOOK_SECONDS)

    def _reason(self, step: Callable[[], str | None]) -> str | None:
        try:
            return step()
        except OSError as exc:
            return f"waiting for the disk of the memory ledger: {exc.strerror}"

    def _granted(self) -> str | None:
        """Take the memory, or say in words and numbers why not yet."""
        if self.must_leave():
            raise JobReleased
        with self._ledger.deciding():
            situation = self._situation()
            decision = decide(situation, self._lease.model)
            if isinstance(decision, Grant):
                self._reserve()
                return None
            if isinstance(decision, Evict):
                for model in decision.models:
                    self._ledger.evict(situation.lease(model), self._lease.model)
        return told(situation, self._lease.model, decision)

    def _reserve(self) -> None:
        ticket = self._lease.ticket
        assert ticket is not None  # noqa: S101  # only tickets are granted
        granted = ticket.model_copy(update={"stage": Stage.GRANTED, "since": self._clock()})
        total = max(ticket.total_bytes, self._lease.held_bytes)
        self._ledger.spare(self._lease.model)  # who asked for room since we looked asks again
        self._write(ticket=granted, reserved_bytes=total, last_used=self._clock())
        self._bound(self.most_bytes)

    def _on_gpu(self) -> str | None:
        with self._ledger.deciding():
            wait = take_turn(self._situation(), self._lease.model)
            if wait is not None:
                return f"waiting for {wait.why}"
            if self._lease.ticket is not None:
                self._write(ticket=self._staged(self._lease.ticket, Stage.ON_GPU))
        return None

    def _staged(self, ticket: Ticket, stage: Stage) -> Ticket:
        return ticket.model_copy(update={"stage": stage, "since": self._clock()})

    def _situation(self) -> Situation:
        reading = self._probe.read()
        self._ledger.bury(reading.available_bytes)
        leases = self._ledger.leases()
        return Situation(
            free_bytes=free_bytes(reading, leases, self._rules),
            coming_bytes=self._ledger.coming_bytes(reading.available_bytes),
            leases=leases,
            now=self._clock(),
            rules=self._rules,
        )

    def _give_back(self, **changes: object) -> None:
        """What takes nothing may be told later: the next beat writes the whole lease again."""
        with self._writing:
            self._lease = self._lease.model_copy(update=changes)
            with contextlib.suppress(OSError):  # a full disk costs no finished work
                self._ledger.write(self._lease)

    def _write(self, **changes: object) -> None:
        """What takes something is told first, and true only then. Raises OSError."""
        with self._writing:
            lease = self._lease.model_copy(update=changes)
            self._ledger.write(lease)
            self._lease = lease
