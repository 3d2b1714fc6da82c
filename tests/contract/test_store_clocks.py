"""Wall clocks jump, by hours and both ways: nothing in the store is ordered or measured by one."""

import pytest

from common.jobs.sql import SqlJobStore
from common.jobs.states import JobState
from tests.contract.conftest import Clock
from tests.contract.test_store import ERROR, RESULT, claimed, running

HOUR = 3600.0


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
    other = SqlJobStore(url, "toy", clock)  # its claim was not made here
    other.complete(job_id, token, RESULT)
    other.close()
    assert store.get(job_id).seconds is None
    assert store.get(job_id).duration == duration
    found = store.statistics()
    assert found.by_state == {JobState.COMPLETED: 1}
    assert (found.min_duration_seconds, found.max_duration_seconds) == (duration, duration)
