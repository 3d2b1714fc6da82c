"""A queue that stands still, as the job store sees it."""

from common.jobs.sql import SqlJobStore
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


def test_a_pause_outlives_whoever_made_it_and_is_one_models(store: SqlJobStore, url: str):
    submit(store)
    store.pause()
    again, other = (SqlJobStore(url, model, VIDEO_KIND) for model in ("toy", "other"))
    assert again.claim("v") is None
    submit(other)
    assert other.claim("v") is not None
    for opened in (again, other):
        opened.close()
