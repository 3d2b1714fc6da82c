"""Who is stopped when memory runs out, by whom, and when not."""

import os
from pathlib import Path

import pytest

from common.memory.asks import Ask
from common.memory.opening import Pool
from common.memory.pool import Rules
from common.memory.watchdog import COOLDOWN_SECONDS, Watchdog
from tests.disks import read_only
from tests.unit.memory.pools import GB, Machine, Worker, join

RULES = Rules(floor_bytes=8 * GB)


class Room:
    """Two workers, and the watchdogs of their two services."""

    def __init__(self, folder: Path) -> None:
        self.machine = Machine()
        self.a, self.b = (join(self.machine, folder, name, RULES) for name in ("ltx2", "wan21"))
        self.dogs = [self._dog(self.a, "ltx2"), self._dog(self.b, "wan21")]

    def _dog(self, worker: Worker, name: str) -> Watchdog:
        return Watchdog(Pool(worker.ledger, self.machine, RULES, 90 * GB), name, self.machine.clock)

    def shot(self) -> list[str]:
        """Whom the watchdogs stop if all look now."""
        alarms = [dog.look() for dog in self.dogs]
        return [alarm.lease.model for alarm in alarms if alarm]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def load(worker: Worker, gigabytes: int, at: float) -> None:
    ask(worker, gigabytes, at)
    worker.hold(gigabytes * GB)
    worker.arbiter.loaded()


def ask(worker: Worker, gigabytes: int, at: float) -> None:
    worker.arbiter.ask(Ask(at, 1, "job", gigabytes * GB), lambda reason: pytest.fail(reason))


def test_nobody_while_the_floor_is_free(room: Room):
    load(room.a, 40, at=1)
    room.machine.available = 8 * GB
    assert room.shot() == []


def test_the_newest_load_goes_first(room: Room):
    load(room.a, 40, at=1)
    ask(room.b, 20, at=2)
    room.machine.available = 7 * GB
    assert room.shot() == ["wan21"]


def test_else_the_largest_job(room: Room):
    load(room.a, 40, at=1)
    load(room.b, 20, at=2)
    room.machine.available = 7 * GB
    assert room.shot() == ["ltx2"]


def test_a_job_before_an_idle_model(room: Room):
    load(room.a, 40, at=1)
    room.a.arbiter.finish()
    load(room.b, 20, at=2)
    room.machine.available = 7 * GB
    assert room.shot() == ["wan21"]


def test_one_shot_and_then_time_for_it_to_help(room: Room):
    load(room.a, 40, at=1)
    load(room.b, 20, at=2)
    room.machine.available = 7 * GB
    assert room.shot() == ["ltx2"]
    assert room.shot() == [], "it takes a moment until memory is back"
    room.machine.now += COOLDOWN_SECONDS
    for worker in (room.a, room.b):
        worker.arbiter.beat()
    assert room.shot() == ["ltx2"], "it did not help"


def test_a_paused_container_is_not_the_victim(room: Room):
    load(room.a, 40, at=1)
    load(room.b, 20, at=2)
    room.machine.now += 60
    room.b.arbiter.beat()
    room.machine.available = 7 * GB
    assert room.shot() == ["wan21"], "who is paused takes no more, and its service is paused too"


def fill_disk(folder: Path) -> None:
    """No lease and no shot can be replaced: where each is drafted, a folder is in the way."""
    for name in ("ltx2.json", "wan21.json", "shot"):
        (folder / f".{name}.{os.getpid()}").mkdir()


def test_a_full_disk_saves_nobody(room: Room, tmp_path: Path):
    load(room.a, 40, at=1)
    load(room.b, 20, at=2)
    fill_disk(tmp_path)
    room.machine.now += 60
    room.b.arbiter.beat()
    room.machine.available = 7 * GB
    assert room.shot() == ["wan21"], "it lives, and the larger one is paused"
    assert room.shot() == [], "when that was is known to all"
    room.machine.now += COOLDOWN_SECONDS
    room.a.arbiter.beat()
    assert room.shot() == ["ltx2"]


def test_nor_does_one_that_is_read_only(room: Room, tmp_path: Path):
    load(room.a, 40, at=1)
    load(room.b, 20, at=2)
    room.machine.now += 60
    room.machine.available = 7 * GB
    with read_only(tmp_path):
        with pytest.raises(OSError, match="Read-only"):
            room.a.arbiter.beat()
        assert room.shot() == ["ltx2"]


def test_a_shot_that_a_power_cut_has_emptied_is_none(room: Room, tmp_path: Path):
    load(room.a, 40, at=1)
    (tmp_path / "shot").write_bytes(b"")
    room.machine.available = 7 * GB
    assert room.shot() == ["ltx2"]
