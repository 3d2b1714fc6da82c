"""The job store, on every database that can be had."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from common.jobs.database import sqlite_url
from common.jobs.schema import metadata
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND

POSTGRES = os.environ.get("TEST_DATABASE_URL")
"""A PostgreSQL whose tables these tests may drop; `.ci/run` starts one where it is installed."""


def _own_database(url: str) -> str:
    """Where tests run side by side, each process drops its own tables only."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return url
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        known = "SELECT 1 FROM pg_database WHERE datname = :name"
        if connection.execute(text(known), {"name": worker}).one_or_none() is None:
            connection.execute(text(f"CREATE DATABASE {worker}"))
    engine.dispose()
    return make_url(url).set(database=worker).render_as_string(hide_password=False)


class Clock:
    """A clock in the test's hands."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stopwatch() -> Clock:
    """The monotonic clock of whoever claims and ends jobs."""
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "jobs.db")
    if not POSTGRES:
        pytest.skip("no PostgreSQL: set TEST_DATABASE_URL")
    own = _own_database(POSTGRES)
    engine = create_engine(own)
    metadata.drop_all(engine)
    engine.dispose()
    return own


@pytest.fixture
def store(url: str, clock: Clock, stopwatch: Clock) -> Iterator[SqlJobStore]:
    opened = SqlJobStore(url, "toy", VIDEO_KIND, clock, stopwatch)
    yield opened
    opened.close()
