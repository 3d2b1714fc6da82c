"""Somebody else holds the lock of SQLite: reads go on beside a writer, and others end in time."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.base.errors import StoreUnavailable
from common.jobs.database import sqlite_url
from common.jobs.deadline import CALL_SECONDS, within
from common.jobs.lanes import ANSWER_SECONDS
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from tests.contract.test_store import submit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlJobStore]:
    opened = SqlJobStore(sqlite_url(path), "toy", VIDEO_KIND)
    yield opened
    opened.close()


@pytest.fixture
def foreigner(path: Path, store: SqlJobStore) -> Iterator[sqlite3.Connection]:
    """A connection of another program."""
    connection = sqlite3.connect(path, isolation_level=None)
    yield connection
    connection.close()


def read_all(store: SqlJobStore, job_id: str) -> None:
    store.get(job_id)
    store.page()
    store.statistics()
    store.figures()
    store.has_work("w")
    store.claimed()
    store.identity()
    store.batch_page()


def test_reads_go_on_beside_a_writer(store: SqlJobStore, foreigner: sqlite3.Connection):
    job = submit(store)
    foreigner.execute("BEGIN IMMEDIATE")
    read_all(store, job.id)


def test_a_writer_goes_on_beside_reads(store: SqlJobStore, foreigner: sqlite3.Connection):
    """What a scrape reads must not keep a claim waiting."""
    submit(store)
    with store._reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM jobs").all()
        foreigner.execute("PRAGMA busy_timeout = 0")
        foreigner.execute("BEGIN IMMEDIATE")
        foreigner.execute("UPDATE jobs SET attempts = 7")


def test_a_locked_database_is_said_to_be_unavailable_within_five_seconds(
    store: SqlJobStore, foreigner: sqlite3.Connection
):
    job = submit(store)
    foreigner.execute("BEGIN EXCLUSIVE")
    assert CALL_SECONDS < ANSWER_SECONDS == 5
    with pytest.raises(StoreUnavailable):
        store.get(job.id)
    foreigner.execute("ROLLBACK")
    assert store.claim("w") is not None


def test_all_waits_of_a_call_share_its_deadline(
    store: SqlJobStore, path: Path, foreigner: sqlite3.Connection
):
    """First for the lock of a writer, then for somebody who reads while it is written."""
    job = submit(store)
    foreigner.execute("BEGIN")
    foreigner.execute("SELECT * FROM jobs").fetchall()
    began = time.monotonic()
    with within(1.0):
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                store.cancel(job.id)
    assert time.monotonic() - began < CALL_SECONDS
    foreigner.execute("ROLLBACK")
    assert store.cancel(job.id).ended
