"""When the job database is copied, how many copies stay, and what is told of them."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from common.base.chores import Stopped
from common.base.locks import held
from common.base.settings import Settings
from common.jobs.backup import LOCK, BackupFailed, backups_in, write_backup
from common.jobs.damage import Soundness, check_copy
from common.jobs.database import sqlite_url
from common.jobs.online_copy import connect
from common.jobs.rolling_backup import RollingBackup
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from tests.contract.test_store import submit


class Now:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Turns(threading.Event):
    """Passes the time that is waited for, and stops after some turns."""

    def __init__(self, now: Now, turns: int) -> None:
        super().__init__()
        self.now = now
        self.left = turns
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is not None and timeout > 0.01:
            self.waited.append(timeout)
            self.now.seconds += timeout
            self.left -= 1
        return self.left < 0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path, min_free_disk_gb=0, backups_kept=2, backup_every_hours=1)


@pytest.fixture
def store(settings: Settings) -> Iterator[SqlJobStore]:
    store = SqlJobStore(sqlite_url(settings.state_of("toy") / "jobs.db"), "toy", VIDEO_KIND)
    yield store
    store.close()


@pytest.fixture
def folder(settings: Settings) -> Path:
    return settings.backups_of("toy")


def run(settings: Settings, turns: int, soundness: Soundness | None = None) -> RollingBackup:
    now = Now()
    rolling = RollingBackup("toy", settings, soundness or Soundness(), now)
    rolling.waited = (stop := Turns(now, turns)).waited  # type: ignore[attr-defined]
    with pytest.raises(Stopped):
        rolling.run(stop)
    return rolling


def told(rolling: RollingBackup) -> dict[str, float]:
    metrics: list[Metric] = list(rolling.collect())
    return {one.name: one.samples[0].value for one in metrics}


def test_a_copy_is_a_whole_database(store: SqlJobStore, settings: Settings, folder: Path) -> None:
    job = submit(store)
    run(settings, 1)
    (backup,) = backups_in(folder)
    assert check_copy(backup.path) is None
    copy = SqlJobStore(sqlite_url(backup.path), "toy", VIDEO_KIND)
    assert copy.get(job.id) == job
    copy.close()


def test_what_has_not_changed_is_not_copied_again(
    store: SqlJobStore, settings: Settings, folder: Path
) -> None:
    rolling = run(settings, 3)
    assert len(backups_in(folder)) == 1
    assert told(rolling)["videosdgx_backup_age_seconds"] < 3700


def test_only_the_newest_stay_and_numbers_go_on(
    store: SqlJobStore, settings: Settings, folder: Path
) -> None:
    for _ in range(4):
        submit(store)
        run(settings, 1)
    assert [backup.number for backup in backups_in(folder)] == [4, 3]


def test_a_start_does_not_begin_with_a_copy(store: SqlJobStore, settings: Settings) -> None:
    rolling = run(settings, 1)
    assert rolling.waited[0] == 60  # type: ignore[attr-defined]


def test_a_full_disk_is_a_failure_that_is_counted_and_tried_again(
    store: SqlJobStore, settings: Settings, folder: Path
) -> None:
    rolling = run(settings.model_copy(update={"min_free_disk_gb": 10.0**9}), 2)
    assert backups_in(folder) == []
    assert told(rolling)["videosdgx_backup_failures"] == 2
    assert rolling.waited[1] == 600  # type: ignore[attr-defined]


def test_a_database_that_is_known_as_damaged_is_not_copied(
    store: SqlJobStore, settings: Settings, folder: Path
) -> None:
    soundness = Soundness()
    soundness.found("page 3")
    assert run(settings, 1, soundness).failures == 1
    assert backups_in(folder) == []


def test_two_copies_are_not_made_at_once(store: SqlJobStore, settings: Settings) -> None:
    database = settings.state_of("toy") / "jobs.db"
    rolling = RollingBackup("toy", settings, Soundness())
    with held(database.with_name(LOCK), timeout=1):
        assert not rolling._once(threading.Event())


def test_what_is_no_good_does_not_become_a_backup(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE songs (title TEXT)")
    with (
        closing(connect(tmp_path / "other.db")) as source,
        pytest.raises(BackupFailed, match="songs"),
    ):
        write_backup(source, tmp_path / "backups", threading.Event())
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_write_that_fails_leaves_no_half_copy(store: SqlJobStore, settings: Settings) -> None:
    folder = settings.backups_of("toy")
    with closing(connect(settings.state_of("toy") / "jobs.db")) as source:
        source.execute("CREATE TABLE odd (number INTEGER PRIMARY KEY) WITHOUT ROWID")
        with pytest.raises(sqlite3.DatabaseError):
            write_backup(source, folder, threading.Event())
    assert list(folder.iterdir()) == []
