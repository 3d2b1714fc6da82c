"""The job table and the outputs: one name for both, and rows brought back from manifests."""

from secrets import token_hex

import pytest
from sqlalchemy import update

from common.jobs.custody import Files
from common.jobs.manifest import job_from, manifest_of
from common.jobs.model import Job
from common.jobs.rows import JobRows
from common.jobs.schema import jobs
from common.jobs.sql import SqlJobStore
from common.jobs.states import Event, JobState
from common.kinds.video import VIDEO_KIND
from tests.contract.conftest import Clock
from tests.contract.test_store import RESULT, claimed, submit


def completed(store: SqlJobStore, **fields: object) -> Job:
    submit(store, **fields)
    job_id, token = claimed(store)
    store.advance(job_id, token, Event.RUN)
    assert store.complete(job_id, token, RESULT)
    return store.get(job_id)


def from_its_manifest(job: Job) -> Job:
    assert job.result is not None
    manifest = manifest_of(job, job.result, VIDEO_KIND.name) | {"job_id": job.id}
    found = job_from(JobRows(VIDEO_KIND).record, manifest, job.result.folder, job.finished_at or 0)
    assert found is not None
    return found


def test_a_database_has_no_name_until_it_gets_one(store: SqlJobStore):
    assert store.identity() is None
    for name in ("one", "another"):
        store.set_identity(name)
        assert store.identity() == name


def test_each_model_of_a_shared_database_has_a_name_of_its_own(store: SqlJobStore, url: str):
    store.set_identity("toy's")
    other = SqlJobStore(url, "other", VIDEO_KIND)
    assert other.identity() is None
    other.close()


def test_only_jobs_with_a_row_are_known(store: SqlJobStore):
    job = submit(store)
    strangers = [token_hex(16) for _ in range(1200)]
    assert set(store.known([*strangers, job.id])) == {job.id}
    assert store.files_of([*strangers, job.id]) == {job.id: Files(JobState.QUEUED)}


def test_of_a_completed_job_the_folder_is_known(store: SqlJobStore):
    job = completed(store)
    assert store.files_of([job.id]) == {job.id: Files(JobState.COMPLETED, RESULT.folder)}


@pytest.mark.parametrize(
    "columns", [{"state": "archived"}, {"result": "{"}, {"result": '{"folder": 1}'}]
)
def test_files_of_a_row_that_cannot_be_read_are_nobodys_to_remove(
    store: SqlJobStore, columns: dict[str, str]
):
    job = completed(store)
    plant(store, job.id, **columns)
    assert store.files_of([job.id]) == {job.id: Files(None)}
    assert not store.files_of([job.id])[job.id].needless


def test_a_removed_job_is_remembered_as_removed(store: SqlJobStore):
    job, other = completed(store), completed(store)
    store.delete(job.id)
    assert store.deleted([job.id, other.id, token_hex(16)]) == {job.id}
    assert store.removed(10) == [job.id]
    assert store.removed(0) == []


def test_only_what_is_named_is_forgotten(store: SqlJobStore):
    before, meanwhile = completed(store), completed(store)
    store.delete(before.id)
    noted = store.removed(10)
    store.delete(meanwhile.id)
    store.forget_removed(noted)
    assert store.deleted([before.id, meanwhile.id]) == {meanwhile.id}


def test_a_row_comes_back_from_its_manifest(store: SqlJobStore, clock: Clock):
    clock.now += 60
    job = completed(store, owner="ann", priority=1)
    lost = from_its_manifest(job)
    store.delete(job.id)
    assert store.restore([lost]) == 1
    back = store.get(job.id)
    same = {"number", "worker", "beats", "progress", "seconds"}
    assert back.model_dump(exclude=same) == job.model_dump(exclude=same)
    assert back.progress.percent == 100


def test_a_row_that_is_there_stays_as_it_is(store: SqlJobStore):
    job, lost = completed(store), completed(store)
    store.delete(lost.id)
    changed = from_its_manifest(job).model_copy(update={"owner": "somebody else"})
    assert store.restore([changed, from_its_manifest(lost)]) == 1
    assert store.get(job.id) == job


def test_jobs_come_back_in_the_order_given(store: SqlJobStore):
    made = [completed(store) for _ in range(3)]
    for job in made:
        store.delete(job.id)
    store.restore([from_its_manifest(job) for job in made])
    assert [job.id for job in store.page(oldest_first=True).jobs] == [job.id for job in made]


@pytest.mark.parametrize("told", [{}, {"job_id": "a"}, {"job_id": "a", "resolved": 1, "result": 2}])
def test_a_manifest_that_tells_too_little_makes_no_job(told: dict[str, object]):
    assert job_from(JobRows(VIDEO_KIND).record, told, "folder", 0) is None


def plant(store: SqlJobStore, job_id: str, **columns: object) -> None:
    with store._writing() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(**columns))


@pytest.mark.parametrize("column", ["requested", "resolved", "adjustments"])
def test_a_queued_row_that_cannot_be_read_is_failed_by_its_claim(store: SqlJobStore, column: str):
    odd, sound = submit(store), submit(store)
    plant(store, odd.id, **{column: "{"})
    assert store.get(odd.id).unreadable == (column,)
    taken = store.claim("w")
    assert taken is not None
    assert taken.id == sound.id
    failed = store.get(odd.id)
    assert (failed.state, failed.token) == (JobState.FAILED, None)
    assert failed.error is not None
    assert failed.error.code == "unreadable_record"
    assert store.statistics().by_state[JobState.FAILED] == 1
    assert store.figures().failed_by_code == {"unreadable_record": 1}


def test_a_batch_goes_on_without_a_row_that_cannot_be_read(store: SqlJobStore):
    head, odd, third = (submit(store, shape="s") for _ in range(3))
    plant(store, odd.id, resolved="{")
    claim = store.claim("w")
    assert claim is not None
    assert claim.id == head.id
    assert [job.id for job in store.claim_more("w", claim, 5)] == [third.id]
    assert store.get(odd.id).state is JobState.FAILED


def test_a_state_of_another_version_is_an_end(store: SqlJobStore):
    job = submit(store)
    plant(store, job.id, state="archived")
    assert store.get(job.id).state is JobState.FAILED
    assert store.statistics().by_state == {JobState.FAILED: 1}
