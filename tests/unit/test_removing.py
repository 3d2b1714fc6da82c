"""What jobs leave on the disk goes with them: by one look at the outputs, whatever is stuck."""

from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from common.api.routes.acting import remove_files
from common.jobs.database import sqlite_url
from common.jobs.model import Job
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from common.publishing.storage import Storage
from tests.contract.test_store import RESOLVED, new_job, submit
from tests.unit.test_sweep import claim, complete, publish


class Outputs(Storage):
    """Says how often all folders were looked at."""

    looks = 0

    def published_of(self, job_ids: Collection[str]) -> dict[str, list[Path]]:
        self.looks += bool(job_ids)
        return super().published_of(job_ids)


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return Outputs(tmp_path / "outputs", VIDEO_KIND.files)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlJobStore]:
    store = SqlJobStore(sqlite_url(tmp_path / "jobs.db"), "toy", VIDEO_KIND)
    yield store
    store.close()


def removed(store: SqlJobStore, outputs: Outputs) -> Job:
    """A completed job whose row has gone, and not its files."""
    job = claim(store)
    complete(store, job, publish(outputs, job))
    return store.delete(job.id)


def test_many_are_removed_by_one_look(store: SqlJobStore, outputs: Outputs, tmp_path: Path):
    jobs = [removed(store, outputs) for _ in range(3)]
    other = claim(store)
    stays = publish(outputs, other)
    again = claim(store)
    publish(outputs, again)
    store.release(again.id, again.token or "")
    remove_files(outputs, tmp_path, [*jobs, store.cancel(again.id)])
    assert list(outputs.folders()) == [stays]
    assert outputs.looks == 1


def test_one_that_was_cancelled_before_its_first_attempt_needs_none(
    store: SqlJobStore, outputs: Outputs, tmp_path: Path
):
    picture = tmp_path / "a.png"
    picture.write_bytes(b"a picture")
    resolved = RESOLVED.model_copy(update={"image": picture.name})
    job = submit(store, job=new_job().model_copy(update={"resolved": resolved}))
    remove_files(outputs, tmp_path, [store.cancel(job.id)])
    assert (outputs.looks, picture.exists()) == (0, False)


def test_one_that_is_stuck_holds_up_no_other(store: SqlJobStore, outputs: Outputs, tmp_path: Path):
    jobs = [removed(store, outputs) for _ in range(3)]
    folders = {name.partition("-")[0]: name for name in outputs.folders()}
    stuck = folders[jobs[0].id]
    (outputs.partial / f"{stuck}.gone").write_bytes(b"in the way")
    remove_files(outputs, tmp_path, jobs)
    assert list(outputs.folders()) == [stuck]
