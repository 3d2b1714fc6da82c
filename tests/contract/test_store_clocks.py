"""Wall clocks jump, by hours and both ways: nothing in the store is ordered or measured by one."""

import pytest
from sqlalchemy import create_engine, update

from common.jobs.schema import idempotency_keys, webhook_deliveries
from common.jobs.sql import SqlJobStore
from common.jobs.states import JobState
from common.kinds.video import VIDEO_KIND
from tests.contract.conftest import Clock
from tests.contract.test_outbox import ended
from tests.contract.test_store import ERROR, RESULT, claimed, running
from tests.contract.test_store_keys import DAY, send, use

HOUR = 3600.0


class Again:
    """The same database, opened by another process whose stopwatch starts at zero."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.stopwatch = Clock()
        self.stopwatch.now = 0.0
        self.store = SqlJobStore(url, "toy", VIDEO_KIND, clock, self.stopwatch)

    def __enter__(self) -> "Again":
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()


@pytest.mark.parametrize("jump", [-HOUR, 24 * HOUR])
@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_a_job_took_what_the_stopwatch_says(
    store: SqlJobStore, clock: Clock, stopwatch: Clock, jump: float, end: str
):
    job_id, token = running(store)
    clock.now += jump
    stopwatch.now += 4.0
    if end == "complete":
        store.complete(job_id, token, RESULT)
    elif end == "fail":
        store.fail(job_id, token, ERROR)
    else:
        store.cancel(job_id)
        assert store.get(job_id).duration is None
        store.release(job_id, token)
    job = store.get(job_id)
    assert job.ended
    assert (job.seconds, job.duration) == (4.0, 4.0)


def test_only_the_last_attempt_counts(store: SqlJobStore, stopwatch: Clock):
    job_id, token = running(store)
    stopwatch.now += 100
    store.release(job_id, token)
    assert store.get(job_id).seconds is None
    job_id, token = claimed(store)
    stopwatch.now += 3
    store.complete(job_id, token, RESULT)
    assert store.get(job_id).seconds == 3


@pytest.mark.parametrize(("jump", "duration"), [(5.0, 5.0), (-HOUR, 0.0)])
def test_what_nobody_measured_is_told_by_the_wall_and_is_never_negative(
    store: SqlJobStore, url: str, clock: Clock, jump: float, duration: float
):
    job_id, token = running(store)
    clock.now += jump
    other = SqlJobStore(url, "toy", VIDEO_KIND, clock)  # its claim was not made here
    other.complete(job_id, token, RESULT)
    other.close()
    assert store.get(job_id).seconds is None
    assert store.get(job_id).duration == duration
    found = store.statistics()
    assert found.by_state == {JobState.COMPLETED: 1}
    assert (found.min_duration_seconds, found.max_duration_seconds) == (duration, duration)


def test_a_clock_that_is_set_ahead_ends_no_key(store: SqlJobStore, url: str, clock: Clock):
    first = send(store, key=use())
    clock.now += 2 * DAY
    assert store.made_with("", use()) == first
    assert send(store, key=use()) == first
    send(store, key=use("another"))  # sweeps
    assert send(store, key=use()) == first
    with Again(url, clock) as later:
        assert send(later.store, key=use()) == first


def test_a_clock_that_is_set_back_ends_none_either_and_keeps_none_for_ever(
    store: SqlJobStore, clock: Clock, stopwatch: Clock
):
    first = send(store, key=use())
    clock.now -= HOUR
    assert send(store, key=use()) == first
    clock.now += DAY + HOUR
    stopwatch.now += DAY
    assert store.made_with("", use()) is None


def test_a_service_lives_on_over_its_restarts(
    store: SqlJobStore, url: str, clock: Clock, stopwatch: Clock
):
    first = send(store, key=use())
    stopwatch.now += 0.75 * DAY
    send(store, key=use("later"))
    clock.now += 2 * DAY
    with Again(url, clock) as later:
        assert send(later.store, key=use()) == first
        later.stopwatch.now += 0.25 * DAY
        assert later.store.made_with("", use()) is None
        assert later.store.made_with("", use("later")) is not None


def test_keys_of_an_earlier_version_go_by_their_date(store: SqlJobStore, url: str, clock: Clock):
    first = send(store, key=use())
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(update(idempotency_keys).values(lived=None))
    engine.dispose()
    assert send(store, key=use()) == first
    clock.now += DAY
    assert store.made_with("", use()) is None


def test_a_clock_that_is_set_back_holds_up_no_webhook(store: SqlJobStore, clock: Clock):
    job_id = ended(store)
    clock.now -= HOUR
    assert store.claim_delivery(15) is None
    assert store.hasten_deliveries() == 1
    taken = store.claim_delivery(15)
    assert taken is not None
    later = taken.model_copy(update={"next_at": clock.now + 300, "wait": 300.0})
    store.settle_delivery(later)
    assert store.hasten_deliveries() == 0, "it waits as it should"
    clock.now -= 30
    assert store.hasten_deliveries() == 0, "that is no jump"
    clock.now -= HOUR
    assert store.hasten_deliveries() == 1
    assert store.claim_delivery(15) is not None
    assert store.delivery(job_id) is not None


def test_a_delivery_of_an_earlier_version_may_wait_for_a_day(
    store: SqlJobStore, url: str, clock: Clock
):
    ended(store)
    engine = create_engine(url)
    with engine.begin() as connection:
        values = {"wait": None, "next_at": clock.now + DAY}
        connection.execute(update(webhook_deliveries).values(values))
    engine.dispose()
    assert store.hasten_deliveries() == 0
    clock.now -= DAY
    assert store.hasten_deliveries() == 1
