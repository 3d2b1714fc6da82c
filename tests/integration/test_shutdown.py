"""The API process is stopped or killed: nothing accepted is lost, nothing is made twice."""

import os
import signal

import pytest

from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_gone, wait_until


@pytest.fixture
def live(fleet: Fleet) -> LiveService:
    return fleet.start(drain_seconds=0.7)


def completes_once(service: LiveService, job_id: str, attempts: int) -> None:
    job = service.wait_for(job_id, "completed")
    assert job["attempts"] == attempts
    assert len(service.videos(job_id)) == 1
    assert service.videos() == service.videos(job_id)
    assert service.partials() == []


def test_a_killed_api_takes_its_worker_along_and_loses_nothing(live: LiveService) -> None:
    job_id = live.submit(options={"step_seconds": 0.3})
    live.wait_for(job_id, "denoising")
    worker = live.worker_pid()
    assert worker is not None
    live.kill()
    wait_gone(worker)
    live.restart()
    completes_once(live, job_id, attempts=1)


def test_when_both_are_killed_the_job_is_made_again(live: LiveService) -> None:
    job_id = live.submit(options={"step_seconds": 0.3})
    live.wait_for(job_id, "denoising")
    worker = live.worker_pid()
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)  # so that it cannot give its job back
    live.kill()
    os.kill(worker, signal.SIGKILL)
    live.restart()
    completes_once(live, job_id, attempts=2)


def test_killed_right_after_202_the_job_is_there(live: LiveService) -> None:
    ids = []
    for _ in range(3):
        ids.append(live.submit())
        live.kill()
        live.restart()
    assert {job["id"] for job in live.jobs()} == set(ids)
    for job_id in ids:
        live.wait_for(job_id, "completed")


def test_at_sigterm_a_short_job_is_finished(live: LiveService) -> None:
    job_id = live.submit(options={"step_seconds": 0.15})
    live.wait_for(job_id, "denoising")
    live.stop()
    assert live.query("SELECT state FROM jobs WHERE id = ?", job_id) == [("completed",)]


def test_at_sigterm_a_long_job_goes_back_to_the_queue(live: LiveService) -> None:
    job_id = live.submit(options={"step_seconds": 1.5}, num_inference_steps=1)
    waiting = live.submit()
    live.wait_for(job_id, "encoding_prompt")
    live.stop(timeout=5)
    rows = live.query("SELECT state, attempts FROM jobs ORDER BY number")
    assert rows == [("queued", 0), ("queued", 0)]
    live.restart()
    live.wait_for(job_id, "completed")
    assert live.job(job_id)["attempts"] == live.wait_for(waiting, "completed")["attempts"] == 1


@pytest.mark.slow
def test_a_stop_that_a_library_made_an_error_of_is_still_a_stop(live: LiveService) -> None:
    job_id = live.submit(options={"step_seconds": 0.5, "wraps_stops": True})
    live.wait_for(job_id, "denoising")
    live.stop()
    live.restart()
    completes_once(live, job_id, attempts=1)


def test_at_sigterm_a_job_that_hangs_goes_back_to_the_queue(live: LiveService) -> None:
    job_id = live.submit(options={"hang_at": "denoising"})
    live.wait_for(job_id, "encoding_prompt")
    worker = live.worker_pid()
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)
    live.process.terminate()
    assert live.exit_code(10) == 0
    wait_gone(worker)
    assert live.query("SELECT state, attempts FROM jobs") == [("queued", 0)]


def test_sigterm_right_after_the_first_job_does_not_wait_for_the_queue(live: LiveService) -> None:
    """The worker is being started just then: it has to be told all the same."""
    for _ in range(3):
        for _ in range(5):
            live.submit(options={"step_seconds": 0.3})
        live.process.terminate()
        assert live.exit_code(6) == 0
        live.restart()
    states = {job["state"] for job in live.jobs()}
    assert "failed" not in states


def test_a_request_during_the_drain_is_not_lost_without_a_word(live: LiveService) -> None:
    job_id = live.submit(options={"step_seconds": 0.3})
    live.wait_for(job_id, "denoising")
    live.process.send_signal(signal.SIGTERM)
    accepted = wait_until(lambda: _refused_or_id(live), what="the port closes or answers")
    live.exit_code()
    rows = {row[0] for row in live.query("SELECT id FROM jobs")}
    assert accepted == "refused" or accepted in rows


def _refused_or_id(service: LiveService) -> str:
    import httpx

    try:
        return service.submit()
    except httpx.TransportError:
        return "refused"
