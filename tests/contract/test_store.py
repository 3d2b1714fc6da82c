"""What every job store must do. Runs on SQLite, and on PostgreSQL where one is reachable."""

import contextlib
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from secrets import token_hex
from typing import Any

import pytest

from common.base.errors import ErrorBody, InvalidRequest, JobConflict, JobNotFound
from common.base.errors.queue import QueueFull
from common.contract.work import Adjustment
from common.jobs.model import Job, NewJob, Progress
from common.jobs.sql import SqlJobStore
from common.jobs.states import Event, JobState
from common.kinds.video import VIDEO_KIND
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.result import VideoResult
from tests.contract.conftest import Clock

RESOLVED = ResolvedRequest(
    prompt="a cat",
    negative_prompt="",
    width=64,
    height=48,
    num_frames=9,
    fps=8,
    seed=1,
    num_inference_steps=3,
    guidance_scale=1,
)
RESULT = VideoResult(
    folder="f",
    size_bytes=1,
    width=64,
    height=48,
    num_frames=9,
    fps=8,
    duration_seconds=1.125,
    has_audio=False,
    checkpoint="a/b",
    revision="r",
)
ERROR = ErrorBody(code="generation_failed", message="It went wrong.")


def new_job(model: str = "toy", **fields: Any) -> NewJob:
    adjustment = Adjustment(field="fps", requested=24, resolved=16, reason="native")
    return NewJob(
        id=token_hex(16),
        model=model,
        requested={"prompt": "a cat", "fps": 24},
        resolved=RESOLVED,
        adjustments=(adjustment,),
        **fields,
    )


def submit(store: SqlJobStore, maximum: int = 100, job: NewJob | None = None, **fields: Any) -> Job:
    (outcome,) = store.submit([job or new_job(store.model, **fields)], maximum)
    if isinstance(outcome, QueueFull):
        raise outcome
    return outcome


def claimed(store: SqlJobStore, worker: str = "w") -> tuple[str, str]:
    job = store.claim(worker)
    assert job is not None
    assert job.token is not None
    return job.id, job.token


def running(store: SqlJobStore) -> tuple[str, str]:
    submit(store)
    job_id, token = claimed(store)
    assert store.advance(job_id, token, Event.RUN) is JobState.RUNNING
    return job_id, token


def test_an_accepted_job_reads_back_as_it_was_sent(store: SqlJobStore, clock: Clock):
    sent = new_job()
    accepted = submit(store, 10, sent)
    assert accepted == store.get(sent.id)
    assert accepted.state is JobState.QUEUED
    assert accepted.created_at == clock.now
    assert (accepted.requested, accepted.resolved) == (sent.requested, sent.resolved)
    assert accepted.adjustments == sent.adjustments


def test_an_unknown_job_is_not_found(store: SqlJobStore):
    for method in (store.get, store.cancel, store.delete):
        with pytest.raises(JobNotFound):
            method(token_hex(16))


def test_another_models_jobs_are_not_seen(store: SqlJobStore, url: str):
    other = SqlJobStore(url, "other", VIDEO_KIND)
    foreign = submit(other)
    assert store.claim("w") is None
    assert not store.has_work("w")
    assert store.page().jobs == ()
    with pytest.raises(JobNotFound):
        store.get(foreign.id)
    other.close()


def test_the_queue_has_a_limit_that_ended_jobs_do_not_fill(store: SqlJobStore):
    job_id, token = running(store)
    submit(store, 2)
    with pytest.raises(QueueFull) as refusal:
        submit(store, 2)
    assert refusal.value.retry_after > 0
    store.complete(job_id, token, RESULT)
    submit(store, 2)


def test_jobs_that_come_together_are_taken_in_order_as_far_as_there_is_room(store: SqlJobStore):
    together = [new_job() for _ in range(4)]
    outcomes = store.submit(together, 3)
    assert [getattr(outcome, "id", None) for outcome in outcomes] == [
        *(job.id for job in together[:3]),
        None,
    ]
    assert isinstance(outcomes[3], QueueFull)


def test_racing_clients_cannot_overfill_the_queue(store: SqlJobStore):
    outcomes: list[str] = []

    def client() -> None:
        try:
            submit(store, 5)
            outcomes.append("accepted")
        except QueueFull:
            outcomes.append("refused")

    run_together([client] * 12)
    assert (outcomes.count("accepted"), outcomes.count("refused")) == (5, 7)
    assert len(store.page(limit=100).jobs) == 5


def run_together(functions: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_jobs_are_claimed_in_the_order_of_arrival_whatever_the_clock_does(
    store: SqlJobStore, clock: Clock
):
    arrived = []
    for _ in range(4):
        clock.now -= 3600
        arrived.append(submit(store).id)
    assert [claimed(store)[0] for _ in arrived] == arrived
    assert store.claim("w") is None


def test_a_claim_counts_an_attempt_and_names_a_fresh_token(store: SqlJobStore, clock: Clock):
    submit(store)
    clock.now += 5
    job = store.claim("w")
    assert job is not None
    assert (job.state, job.attempts, job.worker) == (JobState.WAITING, 1, "w")
    assert job.started_at == clock.now
    assert len(job.token or "") == 32


def test_a_released_job_goes_back_in_front_with_its_attempt(store: SqlJobStore):
    first, second = submit(store).id, submit(store).id
    job_id, token = claimed(store)
    assert store.release(job_id, token) is JobState.QUEUED
    assert store.get(first).attempts == 0
    assert [claimed(store)[0], claimed(store)[0]] == [first, second]


def test_an_old_token_changes_nothing(store: SqlJobStore):
    submit(store)
    job_id, old = claimed(store)
    store.release(job_id, old)
    _, new = claimed(store)
    before = store.get(job_id)
    assert store.advance(job_id, old, Event.RUN) is None
    assert store.heartbeat(job_id, old, Progress(percent=50)) is None
    assert store.complete(job_id, old, RESULT) is False
    assert store.fail(job_id, old, ERROR) is None
    assert store.release(job_id, old) is None
    assert store.get(job_id) == before
    assert store.advance(job_id, new, Event.RUN) is JobState.RUNNING


def test_a_heartbeat_keeps_progress_and_tells_the_state(store: SqlJobStore):
    job_id, token = running(store)
    assert store.heartbeat(job_id, token, Progress(percent=40, step=4)) is JobState.RUNNING
    job = store.get(job_id)
    assert (job.progress.percent, job.progress.step, job.beats) == (40, 4, 1)
    store.cancel(job_id)
    assert store.heartbeat(job_id, token, Progress()) is JobState.CANCELLING


def test_a_completed_job_keeps_its_result(store: SqlJobStore, stopwatch: Clock):
    job_id, token = running(store)
    stopwatch.now += 7
    assert store.complete(job_id, token, RESULT) is True
    job = store.get(job_id)
    assert (job.state, job.result, job.seconds) == (JobState.COMPLETED, RESULT, 7)
    assert (job.token, job.worker, job.progress.percent) == (None, None, 100)


def test_a_failed_job_keeps_its_reason(store: SqlJobStore):
    job_id, token = running(store)
    assert store.fail(job_id, token, ERROR) is JobState.FAILED
    assert store.get(job_id).error == ERROR


def test_a_queued_job_is_cancelled_at_once(store: SqlJobStore, clock: Clock):
    job = submit(store)
    assert store.cancel(job.id).state is JobState.CANCELLED
    assert store.get(job.id).finished_at == clock.now
    assert store.claim("w") is None


def test_a_running_job_is_cancelled_when_its_worker_confirms(store: SqlJobStore):
    job_id, token = running(store)
    assert store.cancel(job_id).state is JobState.CANCELLING
    assert store.cancel(job_id).state is JobState.CANCELLING
    assert store.release(job_id, token) is JobState.CANCELLED


def test_how_far_a_job_had_come_is_kept_when_it_is_left(store: SqlJobStore):
    job_id, token = running(store)
    store.cancel(job_id)
    store.release(job_id, token, Progress(percent=40, step=4))
    assert store.get(job_id).progress.step == 4
    job_id, token = running(store)
    store.fail(job_id, token, ERROR, Progress(percent=60, step=6))
    assert store.get(job_id).progress.step == 6


@pytest.mark.parametrize("ending", ["complete", "fail"])
def test_a_cancel_that_came_first_wins(store: SqlJobStore, ending: str):
    job_id, token = running(store)
    store.cancel(job_id)
    if ending == "complete":
        assert store.complete(job_id, token, RESULT) is False
        store.release(job_id, token)
    else:
        assert store.fail(job_id, token, ERROR) is JobState.CANCELLED
    job = store.get(job_id)
    assert (job.state, job.result, job.error) == (JobState.CANCELLED, None, None)


def test_a_cancel_that_came_last_is_refused(store: SqlJobStore):
    job_id, token = running(store)
    store.complete(job_id, token, RESULT)
    with pytest.raises(JobConflict, match="completed"):
        store.cancel(job_id)


def test_cancel_against_complete_has_one_winner(store: SqlJobStore):
    for _ in range(20):
        won = _race(store, *running(store))
        assert len(won) == 1


def _race(store: SqlJobStore, job_id: str, token: str) -> list[str]:
    won: list[str] = []

    def complete() -> None:
        if store.complete(job_id, token, RESULT):
            won.append("complete")

    def cancel() -> None:
        with contextlib.suppress(JobConflict):
            store.cancel(job_id)
            won.append("cancel")

    sides: list[Callable[[], None]] = [complete, cancel]
    random.shuffle(sides)
    run_together(sides)
    expected = JobState.COMPLETED if won == ["complete"] else JobState.CANCELLING
    assert store.get(job_id).state is expected
    return won


def test_only_ended_jobs_can_be_deleted(store: SqlJobStore):
    job_id, token = running(store)
    with pytest.raises(JobConflict, match="running"):
        store.delete(job_id)
    store.complete(job_id, token, RESULT)
    assert store.delete(job_id).result == RESULT
    with pytest.raises(JobNotFound):
        store.get(job_id)


def test_pages_run_from_new_to_old_without_gaps(store: SqlJobStore):
    ids = [submit(store).id for _ in range(5)]
    first = store.page(limit=2)
    second = store.page(limit=2, cursor=first.next_cursor)
    third = store.page(limit=2, cursor=second.next_cursor)
    listed = [job.id for page in (first, second, third) for job in page.jobs]
    assert listed == ids[::-1]
    assert third.next_cursor is None
    with pytest.raises(InvalidRequest, match="cursor"):
        store.page(cursor="nonsense")


def test_the_list_can_begin_with_the_oldest(store: SqlJobStore):
    ids = [submit(store).id for _ in range(5)]
    first = store.page(limit=3, oldest_first=True)
    second = store.page(limit=3, oldest_first=True, cursor=first.next_cursor)
    assert [job.id for job in first.jobs + second.jobs] == ids
    assert second.next_cursor is None


def test_pages_can_be_of_some_states_only(store: SqlJobStore):
    job_id, _ = running(store)
    submit(store)
    assert [job.id for job in store.page(states=[JobState.RUNNING]).jobs] == [job_id]


def test_a_dead_workers_job_is_queued_again_until_it_has_killed_three(store: SqlJobStore):
    submit(store)
    for attempt in (1, 2, 3):
        claimed(store)
        (job,) = store.claimed("w")
        state = store.expel(job, "killed by SIGKILL", 3)
        assert state is (JobState.FAILED if attempt == 3 else JobState.QUEUED)
    job = store.page().jobs[0]
    assert job.error is not None
    assert job.error.code == "worker_died"
    assert "3 times" in job.error.message
    assert "SIGKILL" in job.error.message


def test_a_dead_workers_cancelled_job_ends_cancelled(store: SqlJobStore):
    job_id, _ = running(store)
    store.cancel(job_id)
    (job,) = store.claimed("w")
    assert store.expel(job, "it was stopped", 1) is JobState.CANCELLED


def test_claimed_lists_one_workers_jobs_or_all(store: SqlJobStore):
    submit(store), submit(store)
    mine, _ = claimed(store, "a")
    claimed(store, "b")
    assert [job.id for job in store.claimed("a")] == [mine]
    assert len(store.claimed()) == 2


def test_work_is_what_is_queued_or_ones_own(store: SqlJobStore):
    assert not store.has_work("w")
    submit(store)
    assert store.has_work("w")
    assert store.has_work("other")
    job_id, token = claimed(store, "w")
    assert store.has_work("w")
    assert not store.has_work("other")
    store.complete(job_id, token, RESULT)
    assert not store.has_work("w")


def test_statistics_are_of_the_whole_table(store: SqlJobStore, stopwatch: Clock):
    for seconds in (2.0, 6.0):
        job_id, token = running(store)
        stopwatch.now += seconds
        store.complete(job_id, token, RESULT)
    job_id, token = running(store)
    store.fail(job_id, token, ERROR)
    submit(store)
    found = store.statistics()
    assert found.by_state == {JobState.COMPLETED: 2, JobState.FAILED: 1, JobState.QUEUED: 1}
    assert found.avg_duration_seconds == 4
    assert (found.min_duration_seconds, found.max_duration_seconds) == (2, 6)
    assert len(found.last_10) == 3


def test_jobs_survive_the_store_being_closed(store: SqlJobStore, url: str):
    job = submit(store)
    store.close()
    again = SqlJobStore(url, "toy", VIDEO_KIND)
    assert again.get(job.id).state is JobState.QUEUED
    again.close()


def test_processes_that_race_never_claim_a_job_twice(store: SqlJobStore, url: str):
    ids = {submit(store, 1000).id for _ in range(60)}
    command = [sys.executable, "-m", "tests.contract.claimer", url]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    taken = [line for racer in racers for line in racer.communicate(timeout=60)[0].split()]
    assert len(taken) == 60
    assert set(taken) == ids
