"""The job store, on every database that can be had."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from common.jobs.database import sqlite_url
from common.jobs.schema import metadata
from common.jobs.sql import SqlJobStore

POSTGRES = os.environ.get("TEST_DATABASE_URL")
"""A PostgreSQL whose tables these tests may drop; `.ci/run` starts one where it is installed."""


class Clock:
    """The wall clock, in the test's hands."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "jobs.db")
    if not POSTGRES:
        pytest.skip("no PostgreSQL: set TEST_DATABASE_URL")
    engine = create_engine(POSTGRES)
    metadata.drop_all(engine)
    engine.dispose()
    return POSTGRES


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[SqlJobStore]:
    opened = SqlJobStore(url, "toy", clock)
    yield opened
    opened.close()
