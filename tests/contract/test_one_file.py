"""SQLite's file is moved, unlinked or replaced: nothing is accepted that nobody finds again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from common.base.errors import StoreUnavailable
from common.jobs.database import sqlite_url
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from tests.contract.test_store import submit
from tests.disks import moved_away


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(state: Path) -> Iterator[SqlJobStore]:
    opened = SqlJobStore(sqlite_url(state / "jobs.db"), "toy", VIDEO_KIND)
    yield opened
    opened.close()


def test_a_file_that_is_moved_away_is_missed_and_found_again(store: SqlJobStore, state: Path):
    job = submit(store)
    with moved_away(state):
        for _ in range(2):  # with the connection of before, and without
            with pytest.raises(StoreUnavailable):
                store.get(job.id)
            with pytest.raises(StoreUnavailable):
                submit(store)
    assert [found.id for found in store.page().jobs] == [job.id]
    submit(store)


def test_a_file_that_is_removed_is_not_made_anew(store: SqlJobStore, state: Path):
    submit(store)
    (state / "jobs.db").unlink()
    with pytest.raises(StoreUnavailable):
        submit(store)
    assert list(state.iterdir()) == []


def test_a_copy_that_is_put_in_its_place_is_the_one_that_counts(store: SqlJobStore, state: Path):
    submit(store)
    copy = state / "copy.db"
    with closing(sqlite3.connect(state / "jobs.db")) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)
    copy.replace(state / "jobs.db")
    job = submit(store)
    with closing(sqlite3.connect(state / "jobs.db")) as there:
        assert there.execute("SELECT count(*) FROM jobs WHERE id = ?", [job.id]).fetchone() == (1,)


def test_what_is_committed_into_a_file_that_goes_meanwhile_is_not_accepted(
    store: SqlJobStore, state: Path
):
    def commit_while_it_goes() -> None:
        with store._writing() as connection:
            connection.exec_driver_sql("SELECT 1")
            state.rename(state.with_name("gone"))

    with pytest.raises(StoreUnavailable):
        commit_while_it_goes()
