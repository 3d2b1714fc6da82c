"""The worker dies, hangs or raises: its job is tried again or failed, and the queue goes on."""

import os
import signal

import pytest

from tests.live import LiveService, wait_gone, wait_until
from tests.seldom import seldom

MOMENTS = ["encoding_prompt", "denoising", "decoding"]


@pytest.mark.parametrize("moment", seldom(MOMENTS))
def test_a_job_that_kills_its_worker_three_times_is_failed(
    service: LiveService, moment: str
) -> None:
    poison = service.submit(options={"die_at": moment})
    healthy = service.submit()
    job = service.wait_for(poison, "failed")
    assert (job["attempts"], job["error"]["code"]) == (3, "worker_died")
    assert "SIGKILL" in job["error"]["message"]
    assert service.wait_for(healthy, "completed")["attempts"] == 1
    assert service.videos(poison) == []
    wait_until(lambda: not service.partials(), what="what the attempts left is gone")


def test_a_killed_worker_costs_its_job_an_attempt_and_no_more(service: LiveService) -> None:
    job_id = service.submit(options={"step_seconds": 0.2})
    service.wait_for(job_id, "denoising")
    killed = service.kill_worker()
    job = service.wait_for(job_id, "completed")
    assert job["attempts"] == 2
    assert len(service.videos(job_id)) == 1
    assert service.worker_pid() != killed


def test_an_idle_worker_that_dies_is_replaced_by_the_next_job(service: LiveService) -> None:
    service.finish()
    service.kill_worker()
    assert service.finish()["attempts"] == 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_model_raises_fails_the_job_and_stays_secret(
    service: LiveService, moment: str
) -> None:
    service.finish()
    worker = service.worker_pid()
    broken = service.submit(options={"raise_at": moment})
    healthy = service.submit()
    job = service.wait_for(broken, "failed")
    assert (job["attempts"], job["error"]["code"]) == (1, "generation_failed")
    service.wait_for(healthy, "completed")
    assert service.worker_pid() != worker, "a process whose model broke took another job"
    for path in (f"/jobs/{broken}", f"/jobs/{broken}/download", "/jobs", "/metrics", "/info"):
        assert "secret inside" not in service.client.get(path).text
    service.wait_said("secret inside")
    assert service.videos(broken) == service.partials() == []


def test_a_worker_that_stands_still_is_killed_and_its_job_tried_again(
    service: LiveService,
) -> None:
    job_id = service.submit(options={"step_seconds": 0.2})
    service.wait_for(job_id, "denoising")
    worker = service.worker_pid()
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)
    wait_gone(worker)
    job = service.wait_for(job_id, "completed")
    assert job["attempts"] == 2
    assert len(service.videos(job_id)) == 1


def test_the_api_answers_while_workers_die(service: LiveService) -> None:
    poison = service.submit(options={"die_at": "denoising"})
    ended = False
    while not ended:
        assert service.client.get("/health").elapsed.total_seconds() < 1
        ended = service.job(poison)["state"] == "failed"


def test_the_crash_count_is_forgotten_after_a_healthy_job(service: LiveService) -> None:
    service.submit(options={"die_at": "denoising"})
    service.finish()
    # The job is completed on disk a moment before its worker says so.
    wait_until(lambda: service.get("/metrics")["worker_crashes_in_a_row"] == 0, what="forgotten")
    wait_until(lambda: service.get("/ready")["model_loaded"], what="the model is loaded")
