"""Volumes that cannot be used: refused by name, jobs held and not failed, healed by themselves."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest

from tests.disks import freezable, frozen, mounted, moved_away, read_only, under_a_mount
from tests.integration.answers import error_of
from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until
from tests.seldom import seldom
from tests.unit.media.disks import FILLER, fill

SLOW = {"step_seconds": 0.3}
Harm = Callable[[Path], AbstractContextManager[object]]


@pytest.fixture
def service(fleet: Fleet) -> LiveService:
    return fleet.start()


def is_ready(service: LiveService) -> bool:
    return service.client.get("/ready").status_code == 200


def is_blamed(service: LiveService, volume: str) -> bool:
    reasons = service.client.get("/ready").json()["reasons"]
    return any(f"The {volume} volume" in reason for reason in reasons)


def refusal(service: LiveService, volume: str, status: int = 503) -> None:
    """It says which volume, in every place, and lives."""
    wait_until(lambda: is_blamed(service, volume), what="the volume is named")
    answer = service.client.post("/generate", json={"prompt": "x"})
    assert answer.status_code == status, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert f"The {volume} volume" in error_of(answer)["message"]
    (reason,) = service.client.get("/ready").json()["reasons"]
    assert f"The {volume} volume" in reason
    assert service.client.get("/health").status_code == 200


def healed(service: LiveService) -> None:
    wait_until(lambda: is_ready(service), what="it is ready again")
    assert service.finish()["attempts"] == 1
    assert "Traceback" not in service.log(2000)


def threads_of(service: LiveService) -> int:
    return psutil.Process(service.process.pid).num_threads()


HARMS = [read_only, moved_away, under_a_mount]


@pytest.mark.parametrize("harm", HARMS)
def test_outputs_that_cannot_be_used_hold_their_jobs(service: LiveService, harm: Harm) -> None:
    made = service.finish()
    with harm(service.outputs):
        refusal(service, "outputs")
        answer = service.client.delete(f"/jobs/{made['id']}")
        assert answer.status_code == 503
        assert "outputs" in error_of(answer)["message"]
        assert service.job(made["id"])["state"] == "completed"
        download = service.client.get(f"/jobs/{made['id']}/download")
        assert download.status_code == (200 if harm is read_only else 503)
    healed(service)
    assert service.client.delete(f"/jobs/{made['id']}").status_code == 204
    assert service.videos(made["id"]) == []


@pytest.mark.parametrize("harm", seldom(HARMS))
def test_state_that_cannot_be_used_loses_nothing(service: LiveService, harm: Harm) -> None:
    made = service.finish()
    with harm(service.state):
        refusal(service, "state")
        answer = service.client.get(f"/jobs/{made['id']}")
        assert answer.status_code == (200 if harm is read_only else 503)
    healed(service)
    assert made["id"] in {job["id"] for job in service.jobs()}
    assert service.query("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize(
    ("harm", "moment"),
    [
        (read_only, "denoising"),
        *(
            pytest.param(harm, moment, marks=pytest.mark.slow)
            for harm, moment in [
                (under_a_mount, "denoising"),
                (under_a_mount, "decoding"),
                (moved_away, "denoising"),
                (moved_away, "decoding"),
                (read_only, "decoding"),
            ]
        ),
    ],
)
def test_a_job_that_meets_bad_outputs_is_put_back_and_made_later(
    service: LiveService, harm: Harm, moment: str
) -> None:
    running = service.submit(options={"step_seconds": 1, "chunk_seconds": 1})
    queued = service.submit()
    service.wait_for(running, moment)
    with harm(service.outputs):
        held = wait_until(lambda: in_state(service, running, "queued"), what="it is put back")
        assert held["attempts"] == 0
        wait_until(lambda: says_why(service, running), what="it says why it waits")
        status = service.get("/queue/status")
        assert "The outputs volume" in status["waiting_for"]
        assert status["queued"] == 2
    for job_id in (running, queued):
        assert service.wait_for(job_id, "completed")["attempts"] == 1
        assert len(service.videos(job_id)) == 1
    assert "inside the model" not in service.log(2000)


def says_why(service: LiveService, job_id: str) -> bool:
    return "The outputs volume" in (service.job(job_id)["progress"]["waiting_for"] or "")


def in_state(service: LiveService, job_id: str, state: str) -> dict[str, object] | None:
    job = service.job(job_id)
    assert job["state"] not in ("failed", "cancelled"), job["error"]
    return job if job["state"] == state else None


@pytest.mark.parametrize("idle", seldom([False, True]))
def test_nothing_is_begun_while_a_volume_is_unwell(fleet: Fleet, idle: bool) -> None:
    """Neither by a worker that waits for work, nor by one that would be started."""
    service = fleet.start(auto_unload_minutes=10 if idle else 0)
    service.finish()
    blocker = service.submit(options={"step_seconds": 1})
    service.wait_for(blocker, "denoising")
    queued = service.submit()
    with moved_away(service.outputs):
        service.cancel(blocker)
        service.wait_for(blocker, "cancelled")
        reasons = wait_until(lambda: service.get("/queue/status")["waiting_for"], what="it says so")
        assert "outputs" in reasons
        assert service.job(queued)["attempts"] == 0
    assert service.wait_for(queued, "completed")["attempts"] == 1


@pytest.mark.slow
def test_outputs_that_fill_up_hold_the_job_until_there_is_room(
    fleet: Fleet, small_disk: Path
) -> None:
    """In the encoder: ffmpeg's own end. What the job leaves free is below the reserve."""
    service = fleet.start(outputs_dir=small_disk, min_free_disk_gb=0.0002)
    service.outputs = small_disk / "toy"
    job_id = service.submit(options={"chunk_seconds": 0.5})
    service.wait_for(job_id, "decoding")
    fill(small_disk)
    held = wait_until(lambda: in_state(service, job_id, "queued"), what="it is put back")
    assert held["attempts"] == 0
    refusal(service, "outputs", 507)
    (small_disk / FILLER).unlink()
    assert service.wait_for(job_id, "completed")["attempts"] == 1
    assert service.partials() == []


@pytest.mark.slow
def test_a_video_that_alone_fills_the_disk_fails_after_three_tries(
    fleet: Fleet, tmp_path: Path
) -> None:
    with mounted(tmp_path / "tiny", "size=64k") as disk:
        service = fleet.start(outputs_dir=disk, video_crf=0)
        service.outputs = disk / "toy"
        large = {"resolution": "1280x720", "num_frames": 81, "num_inference_steps": 1}
        job = service.wait_for(service.submit(**large), "failed", timeout=120)
        assert (job["attempts"], job["error"]["code"]) == (3, "storage_full")
        assert "outputs" in job["error"]["message"]
        assert service.partials() == service.videos() == []
        assert service.finish()["attempts"] == 1
        service.stop()


def test_below_the_reserve_what_was_accepted_waits_for_room(fleet: Fleet, small_disk: Path) -> None:
    service = fleet.start(outputs_dir=small_disk, min_free_disk_gb=0.0003)
    running = service.submit(options=SLOW)
    queued = service.submit()
    service.wait_for(running, "denoising")
    filler = small_disk / FILLER
    filler.write_bytes(bytes(800 * 1024))
    service.wait_for(running, "completed")
    wait_until(lambda: service.get("/queue/status")["waiting_for"], what="it says so")
    assert service.job(queued)["attempts"] == 0
    filler.unlink()
    assert service.wait_for(queued, "completed")["attempts"] == 1


def test_a_volume_that_hangs_is_named_and_holds_up_nobody(fleet: Fleet, tmp_path: Path) -> None:
    with freezable(tmp_path / "ext4") as volume:
        service = fleet.start(outputs_dir=volume)
        service.outputs = volume / "toy"
        service.finish()
        with frozen(volume):
            wait_until(lambda: not is_ready(service), 60, "it is not ready")
            refusal(service, "outputs")
            threads = threads_of(service)
            for _ in range(50):
                assert not is_ready(service)
            assert threads_of(service) <= threads
        healed(service)
        service.stop()
