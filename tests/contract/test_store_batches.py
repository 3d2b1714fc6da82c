"""Jobs that are claimed together: who joins, who is overtaken, who pays for a crash."""

import threading

import pytest

from common.jobs.model import Job, Progress
from common.jobs.schema import PLACES
from common.jobs.sql import SqlJobStore
from common.jobs.states import Event, JobState
from common.kinds.video import VIDEO_KIND
from tests.contract.conftest import Clock
from tests.contract.test_store import RESULT, submit


def head_of(store: SqlJobStore, worker: str = "w") -> Job:
    job = store.claim(worker)
    assert job is not None
    return job


def batch(store: SqlJobStore, size: int) -> list[Job]:
    """So many jobs, claimed together."""
    for _ in range(size):
        submit(store, shape="s")
    head = head_of(store)
    others = store.claim_more("w", head, 7)
    assert len(others) == size - 1
    return [store.get(job.id) for job in (head, *others)]


def test_each_member_has_a_claim_of_its_own(store: SqlJobStore):
    members = batch(store, 3)
    assert len({job.token for job in members}) == 3
    for job in members:
        assert (job.state, job.worker, job.attempts) == (JobState.WAITING, "w", 1)
        assert job.fused == 3
    first, second, third = members
    assert store.advance(second.id, second.token or "", Event.RUN) is JobState.RUNNING
    assert store.complete(second.id, second.token or "", RESULT)
    assert store.get(first.id).state is store.get(third.id).state is JobState.WAITING
    assert not store.complete(third.id, first.token or "", RESULT)


def test_a_batch_is_no_larger_than_it_may_be(store: SqlJobStore):
    ids = [submit(store, shape="s").id for _ in range(5)]
    head = head_of(store)
    assert [job.id for job in store.claim_more("w", head, 2)] == ids[1:3]
    assert store.claim_more("w", head_of(store), 0) == []


def test_nobody_is_overtaken(store: SqlJobStore):
    first, second = submit(store, shape="s"), submit(store, shape="s")
    other = submit(store, shape="another")
    late = submit(store, shape="s")
    head = head_of(store)
    assert head.id == first.id
    assert [job.id for job in store.claim_more("w", head, 7)] == [second.id]
    assert head_of(store).id == other.id
    assert head_of(store).id == late.id


def test_a_job_that_cannot_be_fused_ends_the_batch(store: SqlJobStore):
    submit(store, shape="s")
    submit(store)
    submit(store, shape="s")
    assert store.claim_more("w", head_of(store), 7) == []


def test_the_order_is_that_of_the_queue(store: SqlJobStore):
    head = submit(store, shape="s")
    later = submit(store, shape="s")
    urgent = submit(store, shape="s", priority=1)
    urgent_other = submit(store, shape="another", priority=1)
    assert urgent_other.number < PLACES, "else this would not be an order of two priorities"
    first = head_of(store)
    assert first.id == urgent.id
    assert store.claim_more("w", first, 7) == [], "one of another shape is next"
    assert head_of(store).id == urgent_other.id
    second = head_of(store)
    assert second.id == head.id
    assert [job.id for job in store.claim_more("w", second, 7)] == [later.id]


def test_jobs_that_came_after_a_moment_stay(store: SqlJobStore, clock: Clock):
    submit(store, shape="s")
    in_time = submit(store, shape="s")
    clock.now += 10
    submit(store, shape="s")
    head = head_of(store)
    found = store.claim_more("w", head, 7, accepted_before=clock.now)
    assert [job.id for job in found] == [in_time.id]


def test_a_crash_of_a_batch_counts_for_nobody_and_parts_it(store: SqlJobStore):
    for job in batch(store, 3):
        assert store.expel(job, "killed by SIGKILL", 1) is JobState.QUEUED
    for _ in range(3):
        job = head_of(store)
        assert (job.attempts, job.alone, job.fused) == (1, True, None)
        assert store.claim_more("w", job, 7) == []
        assert store.expel(job, "killed by SIGKILL", 1) is JobState.FAILED


def test_the_last_one_left_of_a_batch_was_not_alone_either(store: SqlJobStore):
    first, last = batch(store, 2)
    assert store.complete(first.id, first.token or "", RESULT)
    assert store.expel(store.get(last.id), "killed by SIGKILL", 1) is JobState.QUEUED
    assert store.get(last.id).attempts == 0


def test_a_batch_that_is_given_back_can_be_fused_again(store: SqlJobStore):
    for job in batch(store, 3):
        store.release(job.id, job.token or "", Progress(percent=40))
    head = head_of(store)
    others = store.claim_more("w", head, 7)
    assert [job.attempts for job in (head, *others)] == [1, 1, 1]


def test_one_that_is_parted_is_passed_over_by_nobody(store: SqlJobStore):
    first, second, third = batch(store, 3)
    store.release(second.id, second.token or "", alone=True)
    for job in (first, third):
        store.release(job.id, job.token or "")
    head = head_of(store)
    assert head.id == first.id
    assert store.claim_more("w", head, 7) == [], "the next one must be alone"


def test_a_cancelled_member_leaves_the_others(store: SqlJobStore):
    first, second = batch(store, 2)
    assert store.cancel(second.id).state is JobState.CANCELLING
    assert store.release(second.id, second.token or "") is JobState.CANCELLED
    assert store.get(first.id).state is JobState.WAITING


def test_a_head_that_was_lost_takes_nobody_along(store: SqlJobStore):
    submit(store, shape="s")
    waiting = submit(store, shape="s")
    head = head_of(store)
    store.release(head.id, head.token or "", alone=True)
    store.claim("other")
    assert store.claim_more("w", head, 7) == []
    assert store.get(waiting.id).state is JobState.QUEUED


@pytest.mark.parametrize("workers", [4])
def test_no_job_is_claimed_twice(store: SqlJobStore, url: str, workers: int):
    ids = {submit(store, shape="s").id for _ in range(40)}
    claims: list[str] = []

    def work(name: str) -> None:
        own = SqlJobStore(url, "toy", VIDEO_KIND)
        while head := own.claim(name):
            claims.extend(job.id for job in (head, *own.claim_more(name, head, 3)))
        own.close()

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claims) == len(ids)
    assert set(claims) == ids
