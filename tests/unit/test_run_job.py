"""What ends a job before anything was made of it, and what that costs the job."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from common.base.disk import storage_full
from common.jobs.database import sqlite_url
from common.jobs.sql import SqlJobStore
from common.jobs.states import JobState
from common.kinds.video import VIDEO_KIND
from common.publishing.storage import Storage
from common.publishing.volumes import Volume, Volumes
from common.worker.books import Books
from common.worker.context import RunningJob
from common.worker.run_job import JobRunner
from tests.contract.test_store import submit

NOT_REACHED = cast(Any, None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlJobStore]:
    opened = SqlJobStore(sqlite_url(tmp_path / "jobs.db"), "toy", VIDEO_KIND)
    yield opened
    opened.close()


def runner(store: SqlJobStore, folder: Path) -> JobRunner:
    """On a disk that is full at the first look, and never again."""
    faults = [storage_full()]

    def look(_volume: Volume, _write: bool) -> None:
        if faults:
            raise faults.pop()

    return JobRunner(
        spec=NOT_REACHED,
        books=Books(store, max_attempts=3),
        storage=Storage(folder, VIDEO_KIND.files),
        volumes=Volumes([Volume("outputs", folder, 0)], look),
        loader=NOT_REACHED,
        seat=NOT_REACHED,
        inputs=folder,
        publisher=NOT_REACHED,
        preparer=None,
        likeness=NOT_REACHED,
    )


def test_a_disk_that_was_full_before_a_job_began_costs_no_attempt(
    store: SqlJobStore, tmp_path: Path
):
    """There is room again at the next look, as after a job that has filled it alone."""
    submit(store)
    job = store.claim("w")
    assert job is not None
    running = RunningJob(job, lambda _id, _progress: None)
    assert runner(store, tmp_path).run(running)
    kept = store.get(job.id)
    assert (kept.state, kept.attempts) == (JobState.QUEUED, 0)
