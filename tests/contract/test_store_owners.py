"""One owner's view of the job store: the jobs of others are not there, whatever is asked."""

from collections.abc import Callable
from typing import Any

import pytest

from common.base.errors import JobNotFound
from common.base.errors.queue import QueueFull, TooManyJobs
from common.jobs.sql import SqlJobStore
from common.jobs.states import JobState
from tests.contract.test_store import ERROR, new_job, submit


def test_a_view_holds_the_owners_jobs_alone(store: SqlJobStore):
    anas = [submit(store, owner="ana") for _ in range(2)]
    bens = submit(store, owner="ben")
    view = store.seen_by("ana")
    assert [job.id for job in view.page(oldest_first=True).jobs] == [job.id for job in anas]
    assert view.get(anas[0].id) == anas[0]
    calls: tuple[Callable[[str], Any], ...] = (view.get, view.cancel, view.delete)
    for call in calls:
        with pytest.raises(JobNotFound):
            call(bens.id)
    assert store.get(bens.id).state is JobState.QUEUED
    assert view.cancel(anas[1].id).state is JobState.CANCELLED
    view.delete(anas[1].id)
    assert {job.id for job in store.page().jobs} == {anas[0].id, bens.id}


def test_what_is_said_of_the_queue_is_said_of_all_of_it(store: SqlJobStore):
    submit(store, owner="ben")
    job = submit(store, owner="ana")
    view = store.seen_by("ana")
    assert view.position(job) == 1
    assert view.statistics() == store.statistics()


def test_a_view_takes_jobs_from_nobody(store: SqlJobStore):
    job = submit(store, owner="ben")
    assert store.seen_by("ana").claim("w") is None
    claimed = store.claim("w")
    assert claimed is not None
    assert claimed.token is not None
    assert store.seen_by("ana").fail(job.id, claimed.token, ERROR) is None


def test_an_owner_has_so_many_unfinished_jobs(store: SqlJobStore):
    submit(store, owner="ana")
    together = [new_job(owner=name) for name in ("ana", "ana", "ben", "ana", "ben", "eva")]
    outcomes = store.submit(together, 5, 2)
    kinds = [type(outcome).__name__ for outcome in outcomes]
    assert kinds == ["Job", "TooManyJobs", "Job", "TooManyJobs", "Job", "Job"]
    full = store.submit([new_job(owner="zoe")], 5, 2)[0]
    assert isinstance(full, QueueFull)
    assert not isinstance(full, TooManyJobs), "the queue is what is full"
    assert full.headers == {"Retry-After": "30"}
    store.cancel(store.seen_by("ana").page().jobs[0].id)
    again = store.submit([new_job(owner="ana")], 5, 2)[0]
    assert not isinstance(again, QueueFull), "ended jobs do not count"


def test_without_a_limit_only_the_queue_counts(store: SqlJobStore):
    outcomes = store.submit([new_job(owner="ana") for _ in range(4)], 3)
    assert [isinstance(outcome, QueueFull) for outcome in outcomes] == [False] * 3 + [True]
