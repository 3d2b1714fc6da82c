"""What every job store must do with batches. On SQLite, and on PostgreSQL where there is one."""

from secrets import token_hex

import pytest

from common.base.errors import ErrorBody, InvalidRequest, JobNotFound
from common.base.errors.batch import BatchConflict, BatchNotFound
from common.base.errors.queue import QueueFull
from common.jobs.batches import Batch, Member, NewBatch
from common.jobs.model import NewJob, Progress
from common.jobs.sql import SqlJobStore
from common.jobs.states import Event, JobState
from common.kinds.video import VIDEO_KIND
from tests.contract.conftest import Clock
from tests.contract.test_store import ERROR, RESULT, claimed, new_job, run_together, submit

REFUSED = Member(prompt="", error=ErrorBody(code="invalid_request", message="prompt: is empty."))


def planned(count: int, model: str = "toy") -> tuple[NewBatch, list[NewJob]]:
    batch_id = token_hex(16)
    jobs = [new_job(model, batch=batch_id) for _ in range(count)]
    members = tuple(Member(prompt="a cat", job=job.id) for job in jobs)
    return NewBatch(id=batch_id, model=model, name="cats", members=(*members, REFUSED)), jobs


def submitted(store: SqlJobStore, count: int = 3) -> Batch:
    new, jobs = planned(count, store.model)
    return store.submit_batch(new, jobs, 100)


def states(store: SqlJobStore, batch: Batch) -> list[str]:
    return [glance.state.value for glance in store.glances([batch.id])]


def failed(store: SqlJobStore) -> str:
    """The next job, failed."""
    job_id, token = claimed(store)
    store.fail(job_id, token, ERROR)
    return job_id


def test_a_batch_reads_back_as_it_was_sent(store: SqlJobStore, clock: Clock):
    new, jobs = planned(3)
    accepted = store.submit_batch(new, jobs, 100)
    assert accepted == store.batch(new.id)
    assert NewBatch.model_validate(accepted.model_dump(include=set(NewBatch.model_fields))) == new
    assert accepted.created_at == clock.now
    assert [job.id for job in store.batch_jobs(new.id)] == accepted.job_ids
    assert states(store, accepted) == ["queued"] * 3
    assert [store.get(job.id).batch for job in jobs] == [new.id] * 3


def test_an_unknown_batch_is_not_found(store: SqlJobStore):
    for method in (store.batch, store.cancel_batch, store.delete_batch):
        with pytest.raises(BatchNotFound):
            method(token_hex(16))
    with pytest.raises(BatchNotFound):
        store.retry_batch(token_hex(16), {}, 100)


def test_another_models_batches_are_not_seen(store: SqlJobStore, url: str):
    other = SqlJobStore(url, "other", VIDEO_KIND)
    foreign = submitted(other)
    assert store.batch_page().batches == ()
    assert store.glances([foreign.id]) == store.batch_jobs(foreign.id) == []
    for method in (store.batch, store.cancel_batch, store.delete_batch):
        with pytest.raises(BatchNotFound):
            method(foreign.id)
    assert states(other, foreign) == ["queued"] * 3
    other.close()


def test_without_room_for_all_nothing_is_made(store: SqlJobStore):
    submit(store)
    new, jobs = planned(3)
    with pytest.raises(QueueFull, match="room for 2") as refusal:
        store.submit_batch(new, jobs, 3)
    assert refusal.value.retry_after > 0
    assert len(store.page().jobs) == 1
    with pytest.raises(BatchNotFound):
        store.batch(new.id)
    assert store.submit_batch(new, jobs, 4).job_ids


def test_what_fails_in_the_middle_leaves_nothing(store: SqlJobStore):
    new, jobs = planned(2)
    with pytest.raises(Exception, match=r"(?i)unique|does not answer"):
        store.submit_batch(new, [jobs[0], jobs[1], jobs[0]], 100)
    assert store.page().jobs == ()
    assert store.batch_page().batches == ()


def test_racing_batches_cannot_overfill_the_queue(store: SqlJobStore):
    outcomes: list[str] = []

    def client() -> None:
        try:
            store.submit_batch(*planned(3), 10)
            outcomes.append("accepted")
        except QueueFull:
            outcomes.append("refused")

    run_together([client] * 8)
    assert (outcomes.count("accepted"), outcomes.count("refused")) == (3, 5)
    assert len(store.page(limit=100).jobs) == 9


def test_pages_of_batches_go_back_in_time(store: SqlJobStore):
    made = [submitted(store, 1) for _ in range(3)]
    first = store.batch_page(limit=2)
    assert first.batches == (made[2], made[1])
    second = store.batch_page(limit=2, cursor=first.next_cursor)
    assert (second.batches, second.next_cursor) == ((made[0],), None)
    with pytest.raises(InvalidRequest):
        store.batch_page(cursor="yesterday")


def test_jobs_can_be_listed_by_batch(store: SqlJobStore):
    submit(store)
    batch = submitted(store, 2)
    listed = store.page(batch=batch.id, oldest_first=True).jobs
    assert [job.id for job in listed] == batch.job_ids
    assert store.page(batch=batch.id, states=[JobState.RUNNING]).jobs == ()


def test_a_glance_shows_progress_and_error(store: SqlJobStore):
    batch = submitted(store, 2)
    failed(store)
    job_id, token = claimed(store)
    store.advance(job_id, token, Event.RUN)
    store.heartbeat(job_id, token, Progress(percent=50))
    first, second = store.glances([batch.id])
    assert (first.state, first.error) == (JobState.FAILED, ERROR)
    assert (second.state, second.progress.percent) == (JobState.RUNNING, 50)


def test_a_cancelled_batch_keeps_what_is_completed(store: SqlJobStore):
    batch = submitted(store)
    other = submit(store)
    job_id, token = claimed(store)
    store.complete(job_id, token, RESULT)
    claimed(store)
    cancelled = store.cancel_batch(batch.id)
    assert [job.state for job in cancelled] == [JobState.CANCELLING, JobState.CANCELLED]
    assert states(store, batch) == ["completed", "cancelling", "cancelled"]
    assert store.get(other.id).state is JobState.QUEUED


def test_an_ended_batch_cannot_be_cancelled(store: SqlJobStore):
    batch = submitted(store, 1)
    failed(store)
    with pytest.raises(BatchConflict):
        store.cancel_batch(batch.id)


def test_a_failed_member_gets_a_new_job_and_keeps_the_old_one(store: SqlJobStore):
    batch = submitted(store, 2)
    old, new = failed(store), new_job(batch=batch.id)
    retried = store.retry_batch(batch.id, {old: new}, 100)
    assert retried == store.batch(batch.id)
    assert retried.members[0] == Member(prompt="a cat", job=new.id, earlier=(old,))
    assert retried.members[1:] == batch.members[1:]
    assert store.get(old).error == ERROR
    assert store.get(new.id).state is JobState.QUEUED


def test_only_the_failed_job_of_a_member_is_retried(store: SqlJobStore):
    batch = submitted(store, 2)
    old = failed(store)
    store.retry_batch(batch.id, {old: new_job(batch=batch.id)}, 100)
    for wrong in (old, batch.job_ids[1], token_hex(16)):
        with pytest.raises(BatchConflict):
            store.retry_batch(batch.id, {wrong: new_job(batch=batch.id)}, 100)
    assert len(store.batch_jobs(batch.id)) == 3


def test_two_retries_at_once_make_one(store: SqlJobStore):
    batch = submitted(store, 1)
    old, outcomes = failed(store), list[str]()

    def client() -> None:
        try:
            store.retry_batch(batch.id, {old: new_job(batch=batch.id)}, 100)
            outcomes.append("retried")
        except BatchConflict:
            outcomes.append("refused")

    run_together([client] * 4)
    assert sorted(outcomes) == ["refused"] * 3 + ["retried"]
    assert len(store.batch_jobs(batch.id)) == 2


def test_a_retry_needs_room_too(store: SqlJobStore):
    batch = submitted(store, 2)
    old = failed(store)
    with pytest.raises(QueueFull):
        store.retry_batch(batch.id, {old: new_job(batch=batch.id)}, 1)
    assert store.batch(batch.id) == batch


def test_an_unfinished_batch_cannot_be_deleted(store: SqlJobStore):
    batch = submitted(store, 2)
    failed(store)
    with pytest.raises(BatchConflict, match="1 jobs"):
        store.delete_batch(batch.id)
    assert len(store.batch_jobs(batch.id)) == 2


def test_a_deleted_batch_takes_every_job_along(store: SqlJobStore):
    batch, other = submitted(store, 1), submit(store)
    old = failed(store)
    new = new_job(batch=batch.id)
    store.retry_batch(batch.id, {old: new}, 100)
    store.cancel(new.id)
    assert [job.id for job in store.delete_batch(batch.id)] == [old, new.id]
    with pytest.raises(BatchNotFound):
        store.batch(batch.id)
    for job_id in (old, new.id):
        with pytest.raises(JobNotFound):
            store.get(job_id)
    assert store.get(other.id)
