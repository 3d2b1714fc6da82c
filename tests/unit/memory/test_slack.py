"""What a batch may take on top of its first job: only what nobody else has a claim to."""

from pathlib import Path

import pytest

from common.contract import Memory
from common.kinds.video.sizing import shape
from common.memory.asks import Ask
from common.memory.experience import Experience
from common.memory.ledger import Ledger
from common.memory.pool import STALE_SECONDS
from tests.unit.memory.pools import GB, Machine, join
from tests.unit.memory.test_arbiter import ask, load
from tests.unit.memory.test_experience import ESTIMATE, MIB, REQUEST


class Enough(Exception):
    """The test has seen what it wanted of a ticket that waits."""


def test_what_is_free_can_be_taken_and_comes_back(tmp_path: Path) -> None:
    machine = Machine()
    worker = join(machine, tmp_path, "waver")
    ask(worker, 60)
    assert worker.arbiter.slack().free_bytes == 40 * GB
    assert worker.arbiter.widen(30 * GB, seconds=9)
    assert worker.arbiter.slack().free_bytes == 10 * GB
    (lease,) = Ledger(tmp_path).leases()
    assert lease.ticket is not None
    assert (lease.reserved_bytes, lease.ticket.run_bytes) == (90 * GB, 30 * GB)
    assert lease.ticket.seconds == 9
    assert not worker.arbiter.widen(11 * GB, seconds=9)
    worker.arbiter.finish()
    assert Ledger(tmp_path).leases()[0].held_bytes == 0


def test_an_idle_model_is_not_asked_to_leave_for_a_batch(tmp_path: Path) -> None:
    machine = Machine()
    idle, worker = join(machine, tmp_path, "ltx2"), join(machine, tmp_path, "waver")
    load(idle, 60)
    ask(worker, 30, at=2)
    assert not worker.arbiter.widen(20 * GB, seconds=None)
    assert not idle.arbiter.must_leave()


def test_nothing_is_left_while_another_waits_for_memory(tmp_path: Path) -> None:
    machine = Machine()
    worker, other = join(machine, tmp_path, "waver"), join(machine, tmp_path, "ltx2")
    ask(worker, 60)
    seen: list[int] = []

    def look(_reason: str) -> None:
        seen.append(worker.arbiter.slack().free_bytes)
        raise Enough

    with pytest.raises(Enough):
        other.arbiter.ask(Ask(2, 1, "job", 50 * GB), look)
    assert seen == [0]
    assert worker.arbiter.slack().free_bytes == 40 * GB


def test_who_waits_for_the_gpu_is_not_overtaken(tmp_path: Path) -> None:
    machine = Machine()
    worker, other = join(machine, tmp_path, "waver"), join(machine, tmp_path, "ltx2")
    ask(worker, 30, at=1)
    assert worker.arbiter.slack().accepted_before is None
    ask(other, 30, at=7)
    assert worker.arbiter.slack().accepted_before == 7
    machine.now += STALE_SECONDS + 1
    assert worker.arbiter.slack().accepted_before is None, "a paused one holds nobody up"


def test_a_batch_teaches_nothing_about_single_jobs(tmp_path: Path) -> None:
    experience = Experience(tmp_path / "memory.json")
    experience.ran("w", shape(REQUEST), 4 * ESTIMATE.run_bytes, 220 * MIB, pace=1, batch=4)
    alone = experience.corrected("w", shape(REQUEST), ESTIMATE)
    assert (alone.memory, alone.measured) == (ESTIMATE, False)
    again = experience.corrected("w", shape(REQUEST), ESTIMATE, batch=4).memory
    assert again.run_bytes == int(220 * MIB * 1.05)
    larger = experience.corrected("w", shape(REQUEST), Memory(0, 800 * MIB), batch=8).memory
    assert larger.run_bytes == int(800 * MIB * 0.55)
    experience.ran("w", shape(REQUEST), ESTIMATE.run_bytes, 150 * MIB, pace=1)
    assert experience.corrected("w", shape(REQUEST), ESTIMATE, batch=4).memory == again
