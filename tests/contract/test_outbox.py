"""Deliveries are made with the end of a job, once, and are taken by one sender at a time."""

import json

import pytest
from sqlalchemy import create_engine

from common.base.errors import ErrorBody, StoreUnavailable
from common.jobs.outbox import Attempt, DeliveryState
from common.jobs.schema import webhook_deliveries
from common.jobs.sql import SqlJobStore
from common.jobs.states import Event, JobState
from common.kinds.video import VIDEO_KIND
from tests.contract.conftest import Clock
from tests.contract.test_store import RESULT, claimed, submit

URL = "https://example.org/hook"
ERROR = ErrorBody(code="generation_failed", message="It broke.")


def ended(store: SqlJobStore, end: str = "completed", url: str | None = URL) -> str:
    job = submit(store, webhook=url)
    if end == "cancelled":
        return store.cancel(job.id).id
    job_id, token = claimed(store)
    if end == "failed":
        store.fail(job_id, token, ERROR)
    else:
        store.advance(job_id, token, Event.RUN)
        assert store.complete(job_id, token, RESULT)
    return job_id


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_every_end_makes_one_delivery(store: SqlJobStore, end: str, clock: Clock):
    job_id = ended(store, end)
    found = store.delivery(job_id)
    assert found is not None
    assert (found.id, found.url, found.state) == (f"msg_{job_id}", URL, DeliveryState.PENDING)
    event = json.loads(found.body)
    assert event["type"] == f"job.{end}"
    assert event["timestamp"] == "1970-01-12T13:46:40Z"
    assert event["data"]["id"] == job_id
    assert (event["data"]["error"] is not None) == (end == "failed")
    assert (event["data"]["links"]["download"] is not None) == (end == "completed")
    assert store.count_deliveries() == {DeliveryState.PENDING: 1}
    assert "prompt" not in found.body


def test_a_job_without_a_webhook_and_one_that_goes_on_make_none(store: SqlJobStore):
    ended(store, url=None)
    submit(store, webhook=URL)
    job_id, token = claimed(store)
    store.release(job_id, token)
    assert store.count_deliveries() == {}
    assert store.delivery(job_id) is None


def test_the_end_of_a_cancelling_job_and_of_one_that_is_given_up_count(store: SqlJobStore):
    submit(store, webhook=URL)
    job_id, token = claimed(store)
    store.cancel(job_id)
    assert store.delivery(job_id) is None, "it has not ended yet"
    store.release(job_id, token)
    assert store.delivery(job_id) is not None
    submit(store, webhook=URL)
    poison = store.claim("w")
    assert poison is not None
    store.expel(poison, "it died", 1)
    assert store.delivery(poison.id) is not None


def test_a_delivery_is_taken_once_until_its_lease_ends(store: SqlJobStore, clock: Clock):
    job_id = ended(store)
    first = store.claim_delivery(15)
    assert first is not None
    assert first.job == job_id
    assert store.claim_delivery(15) is None
    clock.now += 15
    again = store.claim_delivery(15)
    assert again is not None
    assert (again.id, again.body) == (first.id, first.body)


def test_a_busy_host_is_passed_over(store: SqlJobStore):
    ended(store, url="https://slow.example.org:8443/hook")
    ended(store)
    taken = store.claim_delivery(15, ["slow.example.org:8443"])
    assert taken is not None
    assert taken.url == URL


def test_what_is_settled_is_kept_and_comes_when_it_is_due(store: SqlJobStore, clock: Clock):
    job_id = ended(store)
    taken = store.claim_delivery(15)
    assert taken is not None
    tried = (Attempt(at=clock.now, status=500),)
    later = taken.model_copy(update={"attempts": tried, "next_at": clock.now + 60})
    store.settle_delivery(later)
    assert store.delivery(job_id) == later
    clock.now += 59
    assert store.claim_delivery(15) is None
    clock.now += 1
    assert store.claim_delivery(15) is not None
    store.settle_delivery(later.model_copy(update={"state": DeliveryState.DELIVERED}))
    clock.now += 1000
    assert store.claim_delivery(15) is None
    assert store.count_deliveries() == {DeliveryState.DELIVERED: 1}


def test_a_removed_job_is_still_told_and_then_forgotten(store: SqlJobStore):
    job_id = ended(store)
    store.delete(job_id)
    taken = store.claim_delivery(15)
    assert taken is not None
    store.settle_delivery(taken)
    assert store.delivery(job_id) is not None, "it is tried again"
    store.settle_delivery(taken.model_copy(update={"state": DeliveryState.DELIVERED}))
    assert store.delivery(job_id) is None
    assert store.count_deliveries() == {DeliveryState.DELIVERED: 1}


def test_what_was_told_of_a_job_goes_with_it(store: SqlJobStore):
    job_id, other = ended(store), ended(store)
    for _ in range(2):
        taken = store.claim_delivery(15)
        assert taken is not None
        store.settle_delivery(taken.model_copy(update={"state": DeliveryState.GONE}))
    store.delete(job_id)
    assert store.delivery(job_id) is None
    assert store.delivery(other) is not None
    assert store.count_deliveries() == {DeliveryState.GONE: 2}


def test_other_models_deliveries_are_not_touched(store: SqlJobStore, url: str, clock: Clock):
    other = SqlJobStore(url, "other", VIDEO_KIND, clock)
    ended(other)
    assert store.claim_delivery(15) is None
    assert store.count_deliveries() == {}
    assert other.claim_delivery(15) is not None
    other.close()


def test_an_end_whose_delivery_cannot_be_written_is_no_end(store: SqlJobStore, url: str):
    job = submit(store, webhook=URL)
    engine = create_engine(url)
    webhook_deliveries.drop(engine)
    with pytest.raises(StoreUnavailable):
        store.cancel(job.id)
    assert store.get(job.id).state is JobState.QUEUED
    webhook_deliveries.create(engine)
    engine.dispose()
    assert store.cancel(job.id).state is JobState.CANCELLED
    told = store.delivery(job.id)
    assert told is not None
    assert told.state is DeliveryState.PENDING
