"""A queue that an admin lets stand still."""

from pathlib import Path

from tests.integration.answers import error_of, events_of
from tests.integration.callers import callers, everyone, made_by
from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until


def test_nothing_begins_and_what_runs_goes_on(service: LiveService) -> None:
    running = service.submit({"step_seconds": 0.3})
    service.wait_for(running, "denoising")
    paused = service.client.post("/queue/pause").json()
    assert paused["paused_since"] is not None
    waiting = service.submit()
    service.wait_for(running, "completed")
    job = service.job(waiting)
    assert job["state"] == "queued"
    assert "paused" in job["progress"]["waiting_for"]
    status = service.get("/queue/status")
    assert "paused" in status["waiting_for"]
    assert status["expected_wait_seconds"] is None
    assert service.client.get("/ready").status_code == 200, "jobs are accepted"

    service.stop()
    service.restart()
    assert service.job(waiting)["state"] == "queued", "a restart changes nothing of it"
    assert service.worker_pid() is None
    assert service.client.post("/queue/resume").json()["paused_since"] is None
    service.wait_for(waiting, "completed")


def test_who_follows_a_job_hears_of_it(service: LiveService) -> None:
    service.client.post("/queue/pause")
    job_id = service.submit()
    wait_until(lambda: service.job(job_id)["progress"]["waiting_for"], what="the reason")
    service.client.post("/queue/resume")
    events = events_of(service, f"/jobs/{job_id}/events")
    assert "completed" in events[-1]["data"]


def test_only_an_admin_pauses(fleet: Fleet, tmp_path: Path) -> None:
    keys = everyone(tmp_path)
    service = fleet.start(api_keys_file=keys.path)
    with callers(service, keys) as clients:
        refused = clients["ana"].post("/queue/pause")
        assert (refused.status_code, error_of(refused)["code"]) == (403, "forbidden")
        assert clients["root"].post("/queue/pause").status_code == 200
        job_id = made_by(clients["ana"])
        assert clients["ana"].get(f"/jobs/{job_id}").json()["state"] == "queued"
        assert clients["root"].post("/queue/resume").status_code == 200
        wait_until(
            lambda: clients["ana"].get(f"/jobs/{job_id}").json()["state"] == "completed",
            what="it is made",
        )
