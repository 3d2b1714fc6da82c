"""A running job tells where it is, and lets itself be called back."""

import pytest

from common.base.errors import JobCancelled, JobReleased
from common.contract import Phase
from common.jobs.model import Job, Progress
from common.jobs.states import JobState
from common.worker.context import RunningJob
from tests.contract.test_store import new_job


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def start() -> tuple[RunningJob, list[Progress], Clock]:
    job = Job(**new_job().model_dump(), number=1, state=JobState.RUNNING, created_at=0)
    seen: list[Progress] = []
    clock = Clock()
    return RunningJob(job, lambda _id, progress: seen.append(progress), clock), seen, clock


def test_progress_only_goes_forward_and_estimates_what_is_left():
    running, seen, clock = start()
    running.progress(Phase.ENCODING_PROMPT)
    for step in range(4):
        running.progress(Phase.DENOISING, step, 4)
        clock.now += 2
    running.progress(Phase.DECODING, 0, 9)
    running.progress(Phase.ENCODING_VIDEO)
    percents = [progress.percent for progress in seen]
    assert percents == sorted(percents)
    denoising = [progress for progress in seen if progress.phase is Phase.DENOISING]
    assert [progress.seconds_left for progress in denoising] == [None, 6, 4, 2]
    assert denoising[-1].seconds_elapsed == 6


def test_quick_steps_are_not_all_told_but_every_phase_is():
    running, seen, clock = start()
    for step in range(1, 101):
        clock.now += 0.01
        running.progress(Phase.DENOISING, step, 100)
    running.progress(Phase.DECODING)
    assert running.latest.phase is Phase.DECODING
    assert 18 <= len(seen) <= 22
    assert [seen[0].step, seen[-1].phase] == [1, Phase.DECODING]


def test_time_is_booked_to_phases():
    running, _, clock = start()
    running.progress(Phase.DENOISING)
    clock.now += 5
    running.progress(Phase.DECODING)
    clock.now += 2
    running.finish()
    assert running.timings == {"denoising": 5, "decoding": 2}


def test_a_cancel_is_obeyed_before_a_release():
    running, _, _ = start()
    running.raise_if_cancelled()
    running.release()
    with pytest.raises(JobReleased):
        running.raise_if_cancelled()
    running.cancel()
    with pytest.raises(JobCancelled):
        running.raise_if_cancelled()


def test_a_models_own_except_cannot_swallow_a_cancel():
    assert not issubclass(JobCancelled, Exception)
    assert not issubclass(JobReleased, Exception)
