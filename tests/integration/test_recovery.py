"""Finished videos outlive their database: they are taken back, set aside, or the start stops."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from secrets import token_hex
from typing import Any

import pytest

from tests.integration.fleet import Fleet
from tests.live import ROOT, LiveService, wait_until
from tests.seldom import seldom

Jobs = list[dict[str, Any]]


@pytest.fixture
def service(fleet: Fleet) -> LiveService:
    """A stopped service with three finished videos."""
    service = fleet.start()
    for seed in range(3):
        service.finish(seed=seed, prompt=f"bar {seed}")
    service.stop()
    return service


def restart(service: LiveService) -> None:
    service.restart()
    service.wait_swept()


def contents(service: LiveService) -> dict[str, bytes]:
    return {folder.name: (folder / "video.mp4").read_bytes() for folder in service.videos()}


def assert_all_there(service: LiveService, before: dict[str, bytes]) -> Jobs:
    """Every video is a completed job that can be downloaded."""
    jobs = service.jobs()
    assert {job["state"] for job in jobs} == {"completed"}
    folders = {name.partition("-")[0]: data for name, data in before.items()}
    assert {job["id"] for job in jobs} == set(folders)
    for job in jobs:
        assert service.client.get(job["links"]["download"]).content == folders[job["id"]]
    return jobs


def lose(service: LiveService, how: str) -> None:
    if how == "removed":
        service.database.unlink()
    elif how == "of zero bytes":
        service.database.write_bytes(b"")
    else:
        shutil.rmtree(service.state)


@pytest.mark.parametrize("how", seldom(["removed", "of zero bytes", "the whole state folder"]))
def test_a_lost_database_is_made_again_from_the_videos(service: LiveService, how: str) -> None:
    before = contents(service)
    lose(service, how)
    restart(service)
    jobs = assert_all_there(service, before)
    assert [job["requested"]["prompt"] for job in jobs] == ["bar 2", "bar 1", "bar 0"]
    service.wait_said("3 finished jobs were not in the job table")
    service.finish()
    service.stop()
    restart(service)
    assert len(service.jobs()) == len(service.videos()) == 4


def test_an_older_database_forgets_no_video(service: LiveService) -> None:
    copy = service.database.read_bytes()
    restart(service)
    service.finish()
    service.stop()
    before = contents(service)
    service.database.write_bytes(copy)
    restart(service)
    assert_all_there(service, before)
    assert len(before) == 4


@pytest.mark.slow
def test_a_job_that_an_older_database_has_as_queued_is_not_made_again(service: LiveService) -> None:
    restart(service)
    blocker = service.submit(options={"step_seconds": 0.3})
    service.wait_for(blocker, "denoising")
    job_id = service.submit()
    with closing(sqlite3.connect(service.database)) as source:
        copy = service.folder / "older.db"
        with closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    service.wait_for(job_id, "completed")
    service.stop()
    before = contents(service)
    shutil.copy(copy, service.database)
    restart(service)
    service.wait_for(job_id, "completed")
    service.wait_for(blocker, "completed")
    assert {name.partition("-")[0] for name in contents(service)} == {
        name.partition("-")[0] for name in before
    }


def test_a_video_of_a_version_that_kept_less_is_taken_back_too(service: LiveService) -> None:
    before = contents(service)
    for folder in service.videos():
        manifest = json.loads((folder / "manifest.json").read_text())
        kept = ("job_id", "token", "model", "resolved", "result")
        (folder / "manifest.json").write_text(json.dumps({name: manifest[name] for name in kept}))
    service.database.unlink()
    (service.outputs / ".identity").unlink()
    restart(service)
    assert_all_there(service, before)


@pytest.mark.parametrize("damage", seldom(['{"job_id": "?"}', "{", None]))
def test_a_video_without_a_manifest_is_set_aside_and_kept(
    service: LiveService, damage: str | None
) -> None:
    video, *_ = service.videos()
    content = (video / "video.mp4").read_bytes()
    manifest = video / "manifest.json"
    manifest.unlink() if damage is None else manifest.write_text(damage)
    service.database.unlink()
    restart(service)
    assert len(service.jobs()) == 2
    assert (service.outputs / ".unclaimed" / video.name / "video.mp4").read_bytes() == content
    service.wait_said("1 folders of the outputs belong to no job")
    service.stop()
    restart(service)
    assert (service.outputs / ".unclaimed" / video.name / "video.mp4").exists()


@pytest.mark.slow
def test_a_deleted_job_does_not_come_back_with_files_that_a_crash_left(
    service: LiveService,
) -> None:
    folder, *_ = service.videos()
    job_id = folder.name.partition("-")[0]
    copy = service.folder / "copy"
    shutil.copytree(folder, copy)
    restart(service)
    assert service.client.delete(f"/jobs/{job_id}").status_code == 204
    service.kill()  # as if before the files were removed
    shutil.copytree(copy, folder)
    restart(service)
    assert service.client.get(f"/jobs/{job_id}").status_code == 404
    assert not folder.exists()


@pytest.mark.slow
def test_another_database_is_refused_by_name_and_nothing_is_touched(
    fleet: Fleet, service: LiveService
) -> None:
    before = contents(service)
    other = fleet.start()
    other.finish()
    other.stop()
    other.settings["OUTPUTS_DIR"] = service.settings["OUTPUTS_DIR"]
    other.launch()
    assert other.exit_code() == 1
    assert "belong to another job database" in other.log()
    assert "videosdgx recover toy --adopt" in other.log()
    assert "Traceback" not in other.log()
    assert contents(service) == before
    restart(service)
    assert_all_there(service, before)


def test_a_second_service_on_the_same_outputs_is_refused_while_the_first_one_lives(
    fleet: Fleet, service: LiveService
) -> None:
    before = contents(service)
    restart(service)
    second = fleet.prepare(outputs_dir=service.settings["OUTPUTS_DIR"])
    second.launch()
    assert second.exit_code() == 1
    assert "OUTPUTS_DIR" in second.log()
    assert_all_there(service, before)


@pytest.mark.slow
def test_outputs_that_were_emptied_are_new_ones(service: LiveService) -> None:
    shutil.rmtree(service.outputs)
    restart(service)
    jobs = service.jobs()
    assert len(jobs) == 3
    assert service.client.get(jobs[0]["links"]["download"]).status_code == 410
    service.finish()


def test_uploads_stay_beside_a_lost_database(service: LiveService) -> None:
    upload = service.state / "inputs" / f"{token_hex(16)}.png"
    upload.write_bytes(b"a picture")
    service.database.unlink()
    restart(service)
    aside = service.state / "inputs" / ".unclaimed" / upload.name
    assert aside.read_bytes() == b"a picture"


def recover(service: LiveService, *arguments: str) -> subprocess.CompletedProcess[str]:
    names = ("MODELS_DIR", "OUTPUTS_DIR", "STATE_DIR")
    environment = {name: str(service.settings[name]) for name in names}
    return subprocess.run(
        [sys.executable, "-m", "scripts.cli", "recover", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", **environment},
        cwd=service.folder,
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.mark.slow
def test_the_command_does_it_without_a_service(fleet: Fleet, service: LiveService) -> None:
    before = contents(service)
    other = fleet.start()
    other.finish()
    other.stop()
    mixed = fleet.prepare(
        outputs_dir=service.settings["OUTPUTS_DIR"], state_dir=other.settings["STATE_DIR"]
    )
    refused = recover(mixed, "toy")
    assert refused.returncode == 4
    assert "--adopt" in refused.stderr
    done = recover(mixed, "toy", "--adopt")
    assert (done.returncode, done.stdout) == (0, "toy: 3 taken back, 0 set aside\n")
    mixed.outputs = service.outputs
    mixed.start()
    wait_until(lambda: len(mixed.jobs()) == 4, what="both tables are one")
    assert contents(mixed) == before
    running = recover(mixed, "toy")
    assert running.returncode == 4
    assert "held by another process" in running.stderr
