"""What was made before is found by what it was made of, and a held job gets an end without work."""

from typing import Any

import pytest

from common.jobs.manifest import job_from, manifest_of
from common.jobs.model import Job
from common.jobs.repeats import HOLDER, is_held
from common.jobs.sql import SqlJobStore
from common.jobs.states import Event, JobState
from common.kinds.video import VIDEO_KIND
from tests.contract.conftest import Clock
from tests.contract.test_store import RESULT, claimed, new_job, submit

LIKE, OTHER = "a" * 64, "b" * 64


def made(store: SqlJobStore, owner: str = "", fingerprint: str | None = LIKE) -> str:
    """A completed job."""
    submit(store, owner=owner)
    job_id, token = claimed(store)
    store.advance(job_id, token, Event.RUN)
    assert store.complete(job_id, token, RESULT.model_copy(update={"fingerprint": fingerprint}))
    return job_id


def found(store: SqlJobStore, owner: str = "", fingerprint: str = LIKE) -> str | None:
    job = store.made_before(owner, fingerprint)
    return job and job.id


def accepted(store: SqlJobStore, **fields: Any) -> Job:
    """A held job, of one that was made before."""
    made(store)
    return submit(store, job=new_job(like=LIKE, **fields))


def test_the_owners_newest_of_the_same_is_found(store: SqlJobStore):
    first, newest = made(store, "ann"), made(store, "ann")
    made(store, "ann", OTHER)
    bens, nobodys = made(store, "ben"), made(store)
    made(store, "ann", None)
    assert [found(store, owner) for owner in ("ann", "ben", "")] == [newest, bens, nobodys]
    assert found(store.seen_by("ann"), "ann") == newest
    assert found(store, "eve") is None
    store.delete(newest)
    assert found(store, "ann") == first


def test_what_has_gone_or_is_not_done_is_not_found(store: SqlJobStore):
    job_id = made(store)
    assert found(store) == job_id
    assert store.expire([job_id]) == [job_id]
    assert found(store) is None
    running = submit(store)
    store.advance(*claimed(store), Event.RUN)
    assert (store.get(running.id).state, found(store)) == (JobState.RUNNING, None)


def test_a_row_that_was_lost_is_found_again(store: SqlJobStore):
    job = store.get(made(store))
    store.delete(job.id)
    assert job.result is not None
    manifest = manifest_of(job, job.result, VIDEO_KIND.name) | {"job_id": job.id}
    lost = job_from(store.record, manifest, "f", 1.0)
    assert lost is not None
    assert store.restore([lost]) == 1
    assert found(store) == job.id


def test_a_held_job_is_nobody_elses_and_ends_without_having_begun(store: SqlJobStore, clock: Clock):
    job = accepted(store, webhook="https://a.example/hook")
    assert (job.state, job.worker, job.attempts) == (JobState.WAITING, HOLDER, 1)
    assert store.claim("w") is None
    assert not store.has_work("w")
    assert [is_held(other) for other in store.claimed()] == [True]
    clock.now += 5
    assert store.complete(job.id, job.token or "", RESULT)
    ended = store.get(job.id)
    assert (ended.state, ended.started_at, ended.duration) == (JobState.COMPLETED, None, None)
    assert store.delivery(job.id) is not None
    statistics = store.statistics()
    assert statistics.by_state == {JobState.COMPLETED: 2}
    assert (statistics.avg_duration_seconds, statistics.max_duration_seconds) == (0, 0)
    assert store.figures().waits == 1, "of the first alone"


def test_only_what_its_owner_has_had_made_is_held(store: SqlJobStore):
    made(store, "ann")
    asked = [("ann", LIKE, True), ("ben", LIKE, False), ("ann", OTHER, False), ("ann", None, False)]
    for owner, like, held in asked:
        assert is_held(submit(store, job=new_job(owner=owner, like=like))) is held


def test_a_held_job_that_is_let_go_is_made(store: SqlJobStore):
    job = accepted(store)
    assert store.release(job.id, job.token or "") is JobState.QUEUED
    assert not store.complete(job.id, job.token or "", RESULT)
    taken = store.claim("w")
    assert taken is not None
    assert (taken.id, taken.attempts) == (job.id, 1)


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_cancel_that_comes_first_wins(store: SqlJobStore, cancelled: bool):
    job = accepted(store)
    if cancelled:
        store.cancel(job.id)
    assert store.complete(job.id, job.token or "", RESULT) is not cancelled
    if cancelled:
        assert store.release(job.id, job.token or "") is JobState.CANCELLED
