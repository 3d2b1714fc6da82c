"""A start opens the door first: files and table are brought together while the service works."""

import json
import os
import shutil
from pathlib import Path
from secrets import token_hex

import pytest

from tests.integration import pictures
from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until

SLOW = {"step_seconds": 0.3}


class Gate:
    """A published folder whose manifest is a pipe: who reads it waits until it is opened."""

    def __init__(self, service: LiveService) -> None:
        self.folder = service.outputs / f"{token_hex(16)}-{token_hex(16)}"
        self.folder.mkdir(parents=True)
        (self.folder / "video.mp4").write_bytes(b"a video of nobody")
        self._pipe = self.folder / "manifest.json"
        os.mkfifo(self._pipe)

    def wait_reached(self) -> int:
        """Wait for the sweep; it goes on when what is returned is closed."""
        return wait_until(self._opened, what="the sweep reads the manifest")

    def _opened(self) -> int | None:
        try:
            return os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # ENXIO: nobody reads yet
            return None


@pytest.fixture
def service(fleet: Fleet) -> LiveService:
    return fleet.prepare()


def test_all_that_can_be_asked_is_answered_while_files_are_swept(service: LiveService) -> None:
    service.start()
    old = service.finish()
    service.stop()
    gate = Gate(service)
    service.start()
    held = gate.wait_reached()
    assert service.client.get("/health").status_code == 200
    assert service.client.get("/ready").status_code == 200
    made, removed = service.finish(), service.finish()
    assert service.client.delete(f"/jobs/{removed['id']}").status_code == 204
    cancelled = service.submit(options=SLOW)
    service.wait_for(cancelled, "denoising")
    service.cancel(cancelled)
    service.wait_for(cancelled, "cancelled")
    running = service.submit(options=SLOW)
    service.wait_for(running, "denoising")
    assert not service.has_swept()
    os.close(held)
    service.wait_swept()
    service.wait_for(running, "completed")
    for job_id in (old["id"], made["id"], running):
        assert service.client.get(f"/jobs/{job_id}/download").status_code == 200
    assert len(service.videos()) == 3
    assert (service.outputs / ".unclaimed" / gate.folder.name / "video.mp4").exists()
    for job_id in (removed["id"], cancelled):
        assert service.videos(job_id) == []


@pytest.mark.slow
def test_what_was_removed_meanwhile_stays_removed_over_a_crash(service: LiveService) -> None:
    service.start()
    job = service.finish()
    service.stop()
    (folder,) = service.videos()
    copy = service.folder / "copy"
    shutil.copytree(folder, copy)
    gate = Gate(service)
    service.start()
    held = gate.wait_reached()
    assert service.client.delete(f"/jobs/{job['id']}").status_code == 204
    os.close(held)
    service.wait_swept()
    service.kill()
    shutil.copytree(copy, folder)  # as if the crash had come before the files were gone
    service.start()
    service.wait_swept()
    assert service.videos() == []
    assert service.client.get(f"/jobs/{job['id']}").status_code == 404


def test_an_upload_that_came_meanwhile_is_used(service: LiveService) -> None:
    gate = Gate(service)
    service.start()
    held = gate.wait_reached()
    blocker = service.submit(options=SLOW)
    files = {"image": ("a.png", pictures.png(), "image/png")}
    job_id = service.client.post("/generate", data={"prompt": "x"}, files=files).json()["id"]
    os.close(held)
    service.wait_swept()
    for waited in (blocker, job_id):
        service.wait_for(waited, "completed")


def plant_failed(service: LiveService, job_id: str, count: int) -> None:
    """Folders of a job that has failed: they may go."""
    for _ in range(count):
        (service.outputs / f"{job_id}-{token_hex(16)}").mkdir()


@pytest.mark.slow
def test_a_stop_in_mid_sweep_ends_it_and_the_next_start_goes_on(service: LiveService) -> None:
    service.start()
    job_id = service.submit(options={"raise_at": "denoising"})
    service.wait_for(job_id, "failed")
    service.stop()
    plant_failed(service, job_id, 500)
    gate = Gate(service)
    service.start()
    held = gate.wait_reached()
    service.process.terminate()
    wait_until(lambda: "Waiting for application shutdown" in service.log(), what="it stops")
    os.close(held)
    assert service.exit_code() == 0
    assert service.log(10).count("Traceback") == 0
    service.start()
    service.wait_swept()
    assert service.videos() == []


@pytest.mark.slow
def test_one_folder_that_cannot_be_removed_holds_up_no_other(service: LiveService) -> None:
    service.start()
    job_id = service.submit(options={"raise_at": "denoising"})
    service.wait_for(job_id, "failed")
    service.stop()
    plant_failed(service, job_id, 3)
    stuck, *_ = service.videos()
    # Its removal cannot begin: there is a file, where the folder is to go first.
    (service.outputs / ".partial" / f"{stuck.name}.gone").write_text("in the way")
    service.start()
    service.wait_swept()
    assert service.videos() == [stuck]
    service.wait_said("folders of the outputs could not be moved or removed")
    assert service.client.get("/ready").status_code == 200


def upload(service: LiveService, job_id: str = "", suffix: str = "png") -> Path:
    inputs = service.state / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    path = inputs / f"{job_id or token_hex(16)}.{suffix}"
    path.write_bytes(b"a picture")
    return path


def test_uploads_of_unknown_jobs_are_set_aside_and_come_back(service: LiveService) -> None:
    service.start()
    made = service.finish()
    service.stop()
    copy = service.database.read_bytes()
    service.database.unlink()  # as an older one, that knows neither of the two jobs
    for video in service.videos():
        shutil.rmtree(video)
    known, unknown, notes = upload(service, made["id"]), upload(service), upload(service, "notes")
    service.start()
    service.wait_swept()
    aside = known.parent / ".unclaimed"
    assert sorted(p.name for p in aside.iterdir()) == sorted([known.name, unknown.name])
    assert notes.exists(), "not one of ours"
    service.stop()
    service.database.write_bytes(copy)
    service.start()
    service.wait_swept()
    assert known.exists()
    assert [p.name for p in aside.iterdir()] == [unknown.name]


def test_what_was_set_aside_long_ago_goes(service: LiveService) -> None:
    recent, old = upload(service), upload(service)
    long_ago = 1_000_000_000
    os.utime(old, (long_ago, long_ago))
    service.start()
    service.wait_swept()
    aside = recent.parent / ".unclaimed"
    assert {p.name for p in aside.iterdir()} == {recent.name, old.name}, "its days begin now"
    service.stop()
    os.utime(aside / old.name, (long_ago, long_ago))
    service.start()
    service.wait_swept()
    assert {p.name for p in aside.iterdir()} == {recent.name}


def test_uploads_of_removed_and_cancelled_jobs_go(service: LiveService) -> None:
    service.start()
    blocker = service.submit(options=SLOW)
    removed, cancelled = service.submit(), service.submit()
    service.cancel(cancelled)
    service.wait_for(blocker, "completed")
    service.wait_for(removed, "completed")
    service.client.delete(f"/jobs/{removed}")
    service.stop()
    left = [upload(service, removed), upload(service, cancelled)]
    kept = upload(service, blocker)
    service.start()
    service.wait_swept()
    assert [path.exists() for path in left] == [False, False]
    assert kept.exists()


@pytest.mark.slow
def test_two_videos_of_one_lost_job_are_both_kept(service: LiveService) -> None:
    service.start()
    job = service.finish()
    service.stop()
    (folder,) = service.videos()
    earlier = folder.with_name(f"{job['id']}-{'0' * 32}")
    shutil.copytree(folder, earlier)
    os.utime(earlier, (1_000_000_000, 1_000_000_000))
    service.database.unlink()
    service.start()
    service.wait_swept()
    assert service.client.get(f"/jobs/{job['id']}/download").status_code == 200
    assert service.videos() == [folder]
    assert (service.outputs / ".unclaimed" / earlier.name / "video.mp4").exists()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["job_id"] == job["id"]
