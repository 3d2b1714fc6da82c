"""A finished video waits to be recorded: nothing is made twice, and no attempt is counted."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests import postgres
from tests.disks import mounted, moved_away, read_only
from tests.integration.fleet import Fleet
from tests.live import LiveService, alive, wait_gone, wait_until
from tests.seldom import seldom
from tests.unit.media.disks import FILLER, fill

SLOW = {"step_seconds": 0.7}
WAITS = "an end waits to be recorded"


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Another program has the database for itself."""
    connection = sqlite3.connect(state / "jobs.db", isolation_level=None, timeout=20)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@contextmanager
def full(state: Path) -> Iterator[None]:
    fill(state.parent)
    try:
        yield
    finally:
        (state.parent / FILLER).unlink()


Harm = Callable[[Path], AbstractContextManager[object]]
HARMS = [locked, full, read_only, moved_away]


@pytest.fixture
def service(fleet: Fleet, tmp_path: Path) -> Iterator[LiveService]:
    with mounted(tmp_path / "disk", "size=2m") as disk:
        service = fleet.start(state_dir=disk, drain_seconds=1)
        service.state = disk / "toy"
        service.database = service.state / "jobs.db"
        yield service
        fleet.close()


def made_unrecorded(service: LiveService, job_id: str) -> str:
    """Wait until the video is there and its record is not; answers the name of its folder."""
    (folder,) = wait_until(lambda: service.videos(job_id), 40, "the video is made")
    wait_until(lambda: WAITS in service.log(2000), 40, "it waits")
    return folder.name


def assert_made_once(service: LiveService, job_id: str, folder: str | None = None) -> None:
    job = service.wait_for(job_id, "completed", timeout=60)
    assert job["attempts"] == 1
    (video,) = service.videos(job_id)
    assert folder in (None, video.name)
    assert service.client.get(job["links"]["download"]).status_code == 200
    wait_until(lambda: "job completed" in service.log(2000), what="the line in the log")
    assert service.log(2000).count("job completed") == 1


@pytest.mark.parametrize("harm", seldom(HARMS, 2))
def test_a_video_waits_for_its_database(service: LiveService, harm: Harm) -> None:
    running = service.submit(options=SLOW)
    service.wait_for(running, "denoising")
    with harm(service.state):
        folder = made_unrecorded(service, running)
        assert service.client.get("/health").status_code == 200
    assert_made_once(service, running, folder)
    assert service.finish()["attempts"] == 1


@pytest.mark.parametrize("harm", [pytest.param(locked, marks=pytest.mark.slow), full])
def test_a_service_that_is_stopped_meanwhile_adopts_it_later(
    service: LiveService, harm: Harm
) -> None:
    running = service.submit(options=SLOW)
    service.wait_for(running, "denoising")
    worker = service.worker_pid()
    assert worker is not None
    with harm(service.state):
        made_unrecorded(service, running)
        service.process.terminate()
        service.exit_code()
        assert not alive(worker)
    service.restart()
    assert_made_once(service, running)


def test_a_worker_that_is_killed_meanwhile_has_made_it_all_the_same(service: LiveService) -> None:
    running = service.submit(options=SLOW)
    service.wait_for(running, "denoising")
    worker = service.worker_pid()
    assert worker is not None
    with locked(service.state):
        made_unrecorded(service, running)
        os.kill(worker, signal.SIGKILL)
        wait_gone(worker)
    assert_made_once(service, running)


@pytest.mark.slow
def test_a_failure_waits_too(service: LiveService) -> None:
    running = service.submit(options=SLOW | {"raise_at": "decoding"})
    service.wait_for(running, "denoising")
    with locked(service.state):
        wait_until(lambda: WAITS in service.log(2000), 40, "it waits")
    job = service.wait_for(running, "failed", timeout=60)
    assert (job["attempts"], job["error"]["code"]) == (1, "generation_failed")


@pytest.mark.slow
@pytest.mark.parametrize("back_first", [True, False])
def test_a_video_waits_for_postgresql(fleet: Fleet, back_first: bool) -> None:
    with postgres.started() as server:
        service = fleet.start(database_url=server.url, worker_name="here")
        running = service.submit(options=SLOW)
        service.wait_for(running, "denoising")
        server.stop()
        folder = made_unrecorded(service, running)
        if back_first:
            server.start()
            assert_made_once(service, running, folder)
        else:
            service.kill()
            server.start()
            service.restart()
            assert_made_once(service, running)
        service.stop()
