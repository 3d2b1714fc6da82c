"""Which files go, and when: on a real store and real folders, with clocks in the test's hands."""

import threading
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from common.base.chores import Stopped
from common.base.settings import GIB, Settings
from common.jobs.database import sqlite_url
from common.jobs.sql import SqlJobStore
from common.jobs.states import Event
from common.kinds.video import VIDEO_KIND
from common.publishing.retention import Retention, SoberClock
from common.publishing.storage import Storage
from common.publishing.sweep import sweep_outputs
from tests.contract.conftest import Clock
from tests.contract.test_store import RESULT, new_job

DAY = 86400


class World:
    """A service's rows and files; every job ends a day after the last one, and takes 1000 bytes."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.store = SqlJobStore(sqlite_url(folder / "jobs.db"), "toy", VIDEO_KIND, self.clock)
        self.storage = Storage(folder / "outputs", VIDEO_KIND.files)
        self.root = folder / "outputs"

    def made(self, owner: str = "") -> str:
        self.clock.now += DAY
        self.store.submit([new_job(owner=owner)], 100)
        job = self.store.claim("w")
        assert job is not None
        assert job.token is not None
        self.store.advance(job.id, job.token, Event.RUN)
        folder = f"{job.id}-{token_hex(16)}"
        (self.root / folder).mkdir()
        (self.root / folder / "video.mp4").write_bytes(bytes(600))
        (self.root / folder / "manifest.json").write_bytes(bytes(400))
        result = RESULT.model_copy(update={"folder": folder})
        assert self.store.complete(job.id, job.token, result)
        return job.id

    def round(self, **settings: float) -> list[str]:
        """What is left on disk, the oldest first."""
        retention = Retention(self.store, self.storage, Settings(**settings), self.clock)  # type: ignore[arg-type]
        retention.round(threading.Event())
        return self.there()

    def there(self) -> list[str]:
        ids = [job.id for job in self.store.page(oldest_first=True, limit=100).jobs]
        on_disk = {name[:32] for name in self.storage.folders()}
        for job_id in ids:
            gone = self.store.get(job_id).expired_at is not None
            assert gone != (job_id in on_disk), "row and folder say the same"
        return [job_id for job_id in ids if job_id in on_disk]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def test_without_a_setting_all_stays(world: World):
    ids = [world.made() for _ in range(3)]
    assert Settings().retains
    assert world.round() == ids


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({"keep_days": 2.5}, 3),
        ({"keep_jobs": 2}, 2),
        ({"keep_gb": 3500 / GIB}, 3),
        ({"keep_gb": 4000 / GIB}, 4),
        ({"keep_days": 1.5, "keep_jobs": 3}, 2),
        ({"keep_jobs": 3, "keep_gb": 1000 / GIB}, 1),
    ],
)
def test_the_oldest_go_first(world: World, settings: dict[str, float], left: int):
    ids = [world.made() for _ in range(5)]
    assert world.round(**settings) == ids[-left:]
    assert world.round(**settings) == ids[-left:], "and no more of them"


def test_what_is_kept_counts_and_stays(world: World):
    ids = [world.made() for _ in range(4)]
    for job_id in ids[:2]:
        world.store.keep(job_id, kept=True)
    assert world.round(keep_jobs=3) == [*ids[:2], ids[3]]
    assert world.round(keep_jobs=1, keep_days=0.5, keep_gb=1 / GIB) == ids[:2]


def test_each_owner_has_a_share(world: World):
    ann = [world.made("ann") for _ in range(3)]
    ben = [world.made("ben") for _ in range(1)]
    assert world.round(keep_gb_per_owner=1500 / GIB) == [ann[2], *ben]


def test_room_is_made_before_the_disk_is_full(world: World, monkeypatch: pytest.MonkeyPatch):
    ids = [world.made() for _ in range(4)]
    taken = 9000  # of a disk of 10,000 bytes

    def free_bytes() -> int:
        return 10_000 - taken - 1000 * len(list(world.storage.folders())) + 4000

    monkeypatch.setattr(world.storage, "free_bytes", free_bytes)
    assert free_bytes() == 1000
    assert world.round(keep_free_gb=2500 / GIB) == ids[2:]


def test_room_is_made_in_steps_since_others_make_some_too(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    ids = [world.made() for _ in range(15)]
    monkeypatch.setattr(world.storage, "free_bytes", lambda: 0)
    assert world.round(keep_free_gb=1) == ids[10:]
    assert world.round(keep_free_gb=1) == []


def test_a_clock_that_is_put_forward_makes_nothing_old():
    wall, own = Clock(), Clock()
    sober = SoberClock(wall, own)
    began = sober()
    wall.now += 365 * DAY
    own.now += 60
    assert sober() == began + 60
    wall.now -= 366 * DAY
    assert sober() == wall.now, "who puts it back only waits longer"


def test_a_crash_before_the_folder_went_is_mended_by_the_next_start(world: World):
    first, second = world.made(), world.made()
    assert world.store.expire([first]) == [first]  # and here it died
    sweep_outputs(world.store, world.storage)
    assert world.there() == [second]


def test_a_folder_that_does_not_go_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch):
    ids = [world.made() for _ in range(3)]
    take_away = world.storage.take_away

    def stuck(folder: str) -> None:
        if folder.startswith(ids[0]):
            raise PermissionError(1, "not permitted")
        take_away(folder)

    monkeypatch.setattr(world.storage, "take_away", stuck)
    retention = Retention(world.store, world.storage, Settings(keep_jobs=1), world.clock)
    retention.round(threading.Event())
    assert {name[:32] for name in world.storage.folders()} == {ids[0], ids[2]}


def test_many_are_removed_in_steps_and_a_stop_is_heard(world: World):
    ids = [world.made() for _ in range(12)]
    stop = threading.Event()
    retention = Retention(world.store, world.storage, Settings(keep_jobs=2), world.clock)
    stop.set()
    with pytest.raises(Stopped):
        retention.round(stop)
    assert world.there() == ids
    retention.round(threading.Event())
    assert world.there() == ids[-2:]
