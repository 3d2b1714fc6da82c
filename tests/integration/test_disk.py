"""Disks without room: refused beforehand, named when it happens, healed by itself."""

from pathlib import Path

import pytest

from tests.integration.answers import error_of
from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until
from tests.unit.media.disks import FILLER, fill

SLOW = {"step_seconds": 0.2}


def test_below_the_reserve_no_job_is_accepted(fleet: Fleet) -> None:
    service = fleet.start(min_free_disk_gb=10**9)
    answer = service.client.post("/generate", json={"prompt": "x"})
    assert answer.status_code == 507
    assert error_of(answer)["code"] == "storage_full"
    ready = service.client.get("/ready")
    assert ready.status_code == 503
    assert "storage_full" in ready.json()["reasons"][0]
    assert service.jobs() == []
    assert service.client.get("/health").status_code == 200


def test_state_that_fills_up_accepts_nothing_loses_nothing_and_heals(
    fleet: Fleet, small_disk: Path
) -> None:
    service = fleet.start(state_dir=small_disk)
    service.database = small_disk / "toy" / "jobs.db"
    running, queued = service.submit(options=SLOW), service.submit()
    service.wait_for(running, "denoising")
    fill(small_disk)
    answer = service.client.post("/generate", json={"prompt": "x" * 5000})
    assert answer.status_code == 507, answer.text
    assert error_of(answer)["code"] == "storage_full"
    _wait_until_it_met_the_full_disk(service)
    assert service.client.get("/health").status_code == 200
    (small_disk / FILLER).unlink()
    for job_id in (running, queued):
        service.wait_for(job_id, "completed")
        assert len(service.videos(job_id)) == 1
    assert service.query("PRAGMA integrity_check") == [("ok",)]
    assert {job["id"] for job in service.jobs()} == {running, queued}


def _wait_until_it_met_the_full_disk(service: LiveService) -> None:
    wait_until(lambda: "job database is full" in service.log(400), what="a write failed")
    wait_until(lambda: service.videos() or service.worker_pid() is None, what="the job is made")


def test_a_state_folder_that_cannot_be_written_stops_the_start(
    fleet: Fleet, read_only_disk: Path
) -> None:
    service = fleet.prepare(state_dir=read_only_disk)
    service.launch()
    assert service.exit_code() == 1
    service.wait_said("Read-only file system")
    assert "Traceback" not in service.log()


def test_an_outputs_folder_that_cannot_be_written_stops_the_start(
    fleet: Fleet, read_only_disk: Path
) -> None:
    service = fleet.prepare(outputs_dir=read_only_disk)
    service.launch()
    assert service.exit_code() != 0
    service.wait_said("Read-only file system")


@pytest.mark.parametrize("content", [b"this is no database, but it is long enough" * 100])
def test_a_damaged_database_stops_the_start(fleet: Fleet, content: bytes) -> None:
    service = fleet.prepare()
    service.database.parent.mkdir(parents=True)
    service.database.write_bytes(content)
    service.launch()
    assert service.exit_code() != 0
    assert service.database.read_bytes() == content


def test_two_services_do_not_share_a_state_folder(fleet: Fleet) -> None:
    first = fleet.start()
    second = fleet.prepare(state_dir=first.state.parent)
    second.launch()
    assert second.exit_code() == 1
    assert "STATE_DIR" in second.log()
    assert "Traceback" not in second.log()
    first.finish()
