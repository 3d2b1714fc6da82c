"""Workers of one machine, on a real ledger in a folder: who waits for what, and in what words."""

from contextlib import suppress
from pathlib import Path

import pytest

from common.base.errors import JobReleased, NotEnoughMemory
from common.memory.asks import Ask, OnWait
from common.memory.ledger import Ledger
from common.memory.pool import Rules, Stage
from tests.disks import mounted
from tests.unit.memory.pools import GB, Machine, Worker, join


def never(reason: str) -> None:
    raise AssertionError(f"it should not wait: {reason}")


def ask(
    worker: Worker, gigabytes: int, at: float = 1, on_wait: OnWait = never, **more: float
) -> None:
    worker.arbiter.ask(Ask(at, 1, "job", gigabytes * GB, **more), on_wait)


def load(worker: Worker, gigabytes: int, at: float = 1) -> None:
    ask(worker, gigabytes, at)
    worker.hold(gigabytes * GB)
    worker.arbiter.loaded()
    worker.arbiter.finish()


def test_what_fits_is_granted_at_once(tmp_path: Path):
    worker = join(Machine(), tmp_path, "ltx2")
    ask(worker, 60)
    (lease,) = Ledger(tmp_path).leases()
    assert (lease.reserved_bytes, lease.ticket and lease.ticket.stage) == (60 * GB, Stage.GRANTED)


def test_memory_that_is_promised_is_not_promised_twice(tmp_path: Path):
    machine, reasons = Machine(), []
    first, second = join(machine, tmp_path, "ltx2"), join(machine, tmp_path, "wan21")
    ask(first, 60)  # granted, and nothing of it touched yet: 100 GB are still available
    machine.on_pause = [lambda: first.arbiter.finish()]
    ask(second, 50, at=2, on_wait=reasons.append)
    assert reasons == ["needs 50.0 GB, 40.0 GB free, waiting for ltx2 to finish a job"]


def test_what_is_touched_is_not_counted_twice(tmp_path: Path):
    machine = Machine()
    first, second = join(machine, tmp_path, "ltx2"), join(machine, tmp_path, "wan21")
    ask(first, 60)
    first.hold(60 * GB)
    ask(second, 40, at=2)


def test_an_idle_model_makes_room(tmp_path: Path):
    machine, reasons = Machine(), []
    idle, asking = join(machine, tmp_path, "ltx2"), join(machine, tmp_path, "wan21")
    load(idle, 70)
    assert not idle.arbiter.must_leave(), "nobody asked"

    def leave() -> None:
        assert idle.arbiter.must_leave()
        idle.die()

    machine.on_pause = [leave]
    ask(asking, 50, at=2, on_wait=reasons.append)
    assert reasons == ["needs 50.0 GB, 30.0 GB free, waiting for ltx2 to make room"]


def test_a_busy_model_is_not_asked_to_leave(tmp_path: Path):
    machine = Machine()
    busy, asking = join(machine, tmp_path, "ltx2"), join(machine, tmp_path, "wan21")
    load(busy, 60)
    ask(busy, 10, at=2)

    def look() -> None:
        assert Ledger(tmp_path).eviction("ltx2") is None
        busy.arbiter.finish()

    def then_leave() -> None:
        assert busy.arbiter.must_leave()
        busy.die()

    machine.on_pause = [look, then_leave]
    ask(asking, 50, at=3, on_wait=lambda _reason: None)


def test_a_job_that_comes_while_leaving_goes_back(tmp_path: Path):
    machine = Machine()
    idle = join(machine, tmp_path, "ltx2")
    load(idle, 70)
    ledger = Ledger(tmp_path, machine.clock)
    ledger.evict(ledger.leases()[0], by="wan21")
    with pytest.raises(JobReleased):
        ask(idle, 5, at=9)
    assert idle.arbiter.must_leave()


def test_a_pinned_model_stays_and_others_go_on(tmp_path: Path):
    machine, reasons = Machine(), []
    pinned = join(machine, tmp_path, "ltx2", pinned=True)
    load(pinned, 70)
    asking, other = join(machine, tmp_path, "wan21"), join(machine, tmp_path, "magi1")

    def another() -> None:
        ask(other, 20, at=3)
        raise JobReleased

    machine.on_pause = [another]
    with pytest.raises(JobReleased):
        ask(asking, 50, at=2, on_wait=reasons.append)
    assert reasons == ["needs 50.0 GB, 30.0 GB free, waiting for memory: ltx2 is pinned"]


def test_a_paused_container_stays_counted_and_is_named(tmp_path: Path):
    machine, reasons = Machine(), []
    paused, asking = join(machine, tmp_path, "ltx2"), join(machine, tmp_path, "wan21")
    load(paused, 70)
    machine.now += 60
    machine.on_pause = [lambda: paused.arbiter.beat(), lambda: paused.die()]
    ask(asking, 50, at=2, on_wait=reasons.append)
    assert reasons[0].endswith("waiting for ltx2, which has not answered for 60 s")


def test_what_can_never_fit_is_refused_with_the_numbers(tmp_path: Path):
    worker = join(Machine(), tmp_path, "ltx2", Rules(floor_bytes=8 * GB))
    with pytest.raises(NotEnoughMemory, match=r"needs 95\.0 GB.* pool has 90\.0 GB"):
        ask(worker, 95)
    assert Ledger(tmp_path).leases()[0].ticket is None, "it asks for nothing any more"


def test_one_turn_on_the_gpu_in_the_order_of_acceptance(tmp_path: Path):
    machine, reasons, order = Machine(), [], []
    workers = {name: join(machine, tmp_path, name) for name in ("ltx2", "wan21", "magi1")}
    for number, worker in enumerate(workers.values()):
        ask(worker, 20, at=number)
    workers["ltx2"].arbiter.take_turn(never)
    end = workers["ltx2"].arbiter.end_turn

    def second() -> None:
        workers["wan21"].arbiter.take_turn(never)
        order.append("wan21")

    machine.on_pause = [end, second, lambda: workers["wan21"].arbiter.end_turn()]
    workers["magi1"].arbiter.take_turn(reasons.append)
    assert order == ["wan21"]
    assert reasons == [
        "waiting for ltx2 to finish a job",
        "waiting for wan21, whose job came first",
        "waiting for wan21 to finish a job",
    ]


def test_a_cancelled_wait_leaves_no_ticket(tmp_path: Path):
    machine = Machine()
    first, second = join(machine, tmp_path, "ltx2"), join(machine, tmp_path, "wan21")
    ask(first, 60)
    machine.on_pause = [lambda: None]

    def cancelled(_reason: str) -> None:
        raise JobReleased

    with pytest.raises(JobReleased):
        ask(second, 60, at=2, on_wait=cancelled)
    assert [lease.ticket is None for lease in Ledger(tmp_path).leases()] == [False, True]


def test_the_floor_stays_free(tmp_path: Path):
    machine = Machine()
    rules = Rules(floor_bytes=8 * GB)
    worker = join(machine, tmp_path, "ltx2", rules)
    machine.available = 30 * GB
    machine.on_pause = [lambda: setattr(machine, "available", 31 * GB)]
    reasons: list[str] = []
    ask(worker, 21, on_wait=reasons.append)
    assert reasons == ["needs 21.0 GB, 20.0 GB free, waiting for memory that other programs hold"]


def test_a_ledger_that_takes_nothing_is_waited_for(tmp_path: Path):
    machine, reasons = Machine(), []
    with mounted(tmp_path / "ledger", "size=64k") as folder:
        worker = join(machine, folder, "ltx2")
        ballast = folder / "ballast"
        with suppress(OSError):
            ballast.write_bytes(bytes(128 * 1024))
        worker.arbiter.finish()  # what is given back raises nothing
        machine.on_pause = [ballast.unlink]
        ask(worker, 60, on_wait=reasons.append)
        (lease,) = Ledger(folder).leases()
    assert reasons == ["waiting for the disk of the memory ledger: No space left on device"]
    assert lease.reserved_bytes == 60 * GB
