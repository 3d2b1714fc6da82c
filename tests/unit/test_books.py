"""An end is recorded for as long as it takes, and an answer that was lost costs no video."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.base.errors import INFRASTRUCTURE, StorageFull, StoreUnavailable, VideosDGXError
from common.jobs.database import sqlite_url
from common.jobs.model import Job
from common.jobs.sql import SqlJobStore
from common.jobs.states import Event, JobState
from common.kinds.video import VIDEO_KIND
from common.worker.books import Books
from common.worker.context import RunningJob
from tests.contract.test_store import RESULT, submit


class Ailing:
    """A store whose next calls fail, before or after the real one has done its work."""

    def __init__(self, store: SqlJobStore) -> None:
        self._store = store
        self.before: list[VideosDGXError] = []
        self.after: list[VideosDGXError] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            if self.before:
                raise self.before.pop()
            answer = method(*args, **kwargs)
            if self.after:
                raise self.after.pop()
            return answer

        return called


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlJobStore]:
    opened = SqlJobStore(sqlite_url(tmp_path / "jobs.db"), "toy", VIDEO_KIND)
    yield opened
    opened.close()


@pytest.fixture
def ailing(store: SqlJobStore) -> Ailing:
    return Ailing(store)


@pytest.fixture
def books(ailing: Ailing) -> Books:
    return Books(ailing, max_attempts=3)  # type: ignore[arg-type]  # every method, by name


def claimed(store: SqlJobStore) -> RunningJob:
    submit(store)
    job = store.claim("w")
    assert job is not None
    return RunningJob(job, lambda _id, _progress: None)


def kept(store: SqlJobStore, running: RunningJob) -> Job:
    return store.get(running.job.id)


@pytest.mark.parametrize("error", [StoreUnavailable("x"), StorageFull("x")])
def test_an_end_is_tried_again(books: Books, ailing: Ailing, store: SqlJobStore, error: Any):
    running = claimed(store)
    ailing.before = [error]
    assert books.complete(running, RESULT)
    assert kept(store, running).state is JobState.COMPLETED
    assert running.latest.waiting_for == "x", "whoever watches sees why"


def test_what_became_of_a_request_waits_for_its_store(
    books: Books, ailing: Ailing, store: SqlJobStore
):
    running = claimed(store)
    resolved = running.job.resolved.model_copy(update={"enhanced_prompt": "a tabby cat"})
    running.job = running.job.model_copy(update={"resolved": resolved})
    ailing.before = [StoreUnavailable("x")]
    assert books.amend(running)
    assert kept(store, running).resolved == resolved
    store.release(running.job.id, running.token)
    assert not books.amend(running), "it is another's now"


def test_a_lost_answer_is_no_refusal(books: Books, ailing: Ailing, store: SqlJobStore):
    running = claimed(store)
    ailing.after = [StoreUnavailable("x")]
    assert books.complete(running, RESULT), "else the video of a completed job would go"


def test_a_refusal_is_one(books: Books, store: SqlJobStore):
    running = claimed(store)
    store.cancel(running.job.id)
    assert not books.complete(running, RESULT)
    other = claimed(store)
    store.release(other.job.id, other.token)
    assert not books.complete(other, RESULT)


def test_who_is_called_back_tries_once(books: Books, ailing: Ailing, store: SqlJobStore):
    running = claimed(store)
    running.release()
    ailing.before = [StoreUnavailable("x"), StoreUnavailable("x")]
    with pytest.raises(INFRASTRUCTURE):
        books.complete(running, RESULT)
    assert len(ailing.before) == 1


def test_work_goes_on_beside_a_store_that_is_away(books: Books, ailing: Ailing, store: SqlJobStore):
    running = claimed(store)
    ailing.before = [StoreUnavailable("x")]
    assert books.advance(running, Event.RUN)
    assert books.complete(running, RESULT)


def test_a_job_that_fills_its_disk_is_tried_so_often(books: Books, store: SqlJobStore):
    running = claimed(store)
    full = StorageFull("The outputs volume is full.")
    for attempt in (1, 2):
        assert running.job.attempts == attempt
        assert books.try_again(running, full) is JobState.QUEUED
        again = store.claim("w")
        assert again is not None
        running = RunningJob(again, lambda _id, _progress: None)
    assert books.try_again(running, full) is JobState.FAILED
    error = kept(store, running).error
    assert error is not None
    assert (error.code, error.message) == ("storage_full", "The outputs volume is full.")
