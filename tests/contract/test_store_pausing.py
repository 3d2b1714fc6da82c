"""A queue that stands still, as the job store sees it."""

from common.jobs.sql import SqlJobStore
from common.jobs.states import JobState
from common.kinds.video import VIDEO_KIND
from tests.contract.conftest import Clock
from tests.contract.test_store import RESULT, claimed, submit


def test_a_paused_queue_is_accepted_into_and_not_claimed_from(store: SqlJobStore, clock: Clock):
    first, second = submit(store), submit(store)
    running, token = claimed(store)
    store.pause()
    clock.now += 5
    store.pause()
    third = submit(store)
    assert store.paused_since() == clock.now - 5, "twice is as once"
    assert store.claim("v") is None
    assert not store.has_work("v")
    assert store.has_work("w"), "what runs goes on"
    assert running == first.id
    assert store.complete(running, token, RESULT)
    assert not store.has_work("w")
    store.resume()
    store.resume()
    assert store.paused_since() is None
    assert [claimed(store)[0] for _ in range(2)] == [second.id, third.id]


def test_no_job_joins_one_that_runs_while_the_queue_is_paused(store: SqlJobStore):
    waiting = [submit(store, shape="a").id for _ in range(3)]
    head = store.claim("w")
    assert head is not None
    store.pause()
    assert store.claim_more("w", head, 7) == []
    assert [job.state for job in map(store.get, waiting[1:])] == [JobState.QUEUED] * 2
    assert store.get(head.id).fused is None, "it is made alone"
    store.resume()
    assert [job.id for job in store.claim_more("w", head, 7)] == waiting[1:]


def test_a_pause_outlives_whoever_made_it_and_is_one_models(store: SqlJobStore, url: str):
    submit(store)
    store.pause()
    again, other = (SqlJobStore(url, model, VIDEO_KIND) for model in ("toy", "other"))
    assert again.claim("v") is None
    submit(other)
    assert other.claim("v") is not None
    for opened in (again, other):
        opened.close()
