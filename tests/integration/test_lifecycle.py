"""The model comes into memory when it is needed, and leaves it when it is not."""

import pytest

from common.media.codecs import resolve_codec
from tests.integration.fleet import Fleet
from tests.live import LiveService, alive, wait_gone, wait_until

LONG = {"step_seconds": 0.3}


@pytest.fixture
def idle(service: LiveService) -> LiveService:
    """The shared service, without a worker."""
    service.client.post("/unload")
    wait_until(lambda: service.worker_pid() is None, what="the worker leaves")
    return service


def test_nothing_is_loaded_before_the_first_job(fleet: Fleet) -> None:
    service = fleet.start(auto_unload_minutes=0)
    info = service.get("/info")["loaded"]
    assert (info["worker_pid"], info["state"]) == (None, "unloaded")
    ids = [service.submit(options=LONG), service.submit()]
    service.wait_for(ids[0], "denoising")
    worker = service.worker_pid()
    for job_id in ids:  # with no idle minutes it stays while there is work, and not longer
        service.wait_for(job_id, "completed")
    assert worker is not None
    wait_gone(worker)
    wait_until(lambda: service.worker_pid() is None, what="the service noticed")
    assert service.get("/info")["loaded"]["state"] == "unloaded"
    service.finish()


def test_an_encoder_that_does_not_run_here_is_replaced_and_that_is_told(fleet: Fleet) -> None:
    found = resolve_codec("hevc_nvenc")
    service = fleet.start(video_encoder="hevc_nvenc")
    assert service.get("/info")["encoder"] == {"asked": "hevc_nvenc", "used": found}
    assert ("hevc_nvenc does not run on this machine" in service.log()) == (found == "libx264")
    assert service.finish()["state"] == "completed"


def test_load_warms_the_model(idle: LiveService) -> None:
    assert idle.client.post("/load").status_code == 202
    wait_until(lambda: idle.get("/ready")["model_loaded"], what="the model is loaded")
    worker = idle.worker_pid()
    idle.client.post("/load")
    job = idle.finish()
    assert "loading" not in job["result"]["timings"]
    assert idle.worker_pid() == worker


def test_unload_frees_it_again(service: LiveService) -> None:
    service.finish()
    worker = service.worker_pid()
    assert worker is not None
    assert service.client.post("/unload").status_code == 202
    wait_gone(worker)
    wait_until(lambda: service.worker_pid() is None, what="the service noticed")
    assert service.get("/ready")["model_loaded"] is False
    again = service.client.post("/unload", json={"force": True})
    assert (again.status_code, again.json()["message"]) == (202, "Nothing is loaded.")


def test_unload_waits_for_the_queue(service: LiveService) -> None:
    ids = [service.submit(options=LONG), service.submit()]
    service.wait_for(ids[0], "denoising")
    worker = service.worker_pid()
    assert worker is not None
    service.client.post("/unload")
    for job_id in ids:
        assert service.wait_for(job_id, "completed")["attempts"] == 1
    wait_gone(worker)


def test_a_forced_unload_queues_the_running_job_again_at_no_cost(service: LiveService) -> None:
    job_id = service.submit(options=LONG)
    service.wait_for(job_id, "denoising")
    worker = service.worker_pid()
    assert worker is not None
    service.client.post("/unload", json={"force": True})
    wait_gone(worker)
    job = service.wait_for(job_id, "completed")
    assert job["attempts"] == 1
    assert len(service.videos(job_id)) == 1
    assert service.get("/metrics")["worker_crashes_in_a_row"] == 0


def test_an_idle_worker_survives_until_its_minutes_are_over(service: LiveService) -> None:
    service.finish()
    worker = service.worker_pid()
    service.finish()
    assert service.worker_pid() == worker
    assert worker is not None
    assert alive(worker)
