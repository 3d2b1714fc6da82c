"""A cancel at any phase ends the job, frees the worker, and leaves no file."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from common.kinds.video import VIDEO_KIND
from common.kinds.video.files import VIDEO
from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_gone, wait_until


def is_cancelled(service: LiveService, job_id: str) -> None:
    job = service.wait_for(job_id, "cancelled")
    assert (job["result"], job["error"]) == (None, None)
    assert job["finished_at"] is not None
    wait_until(lambda: not files_of(service, job_id), what="its files are gone")


def files_of(service: LiveService, job_id: str) -> list[Path]:
    unfinished = [path for path in service.partials() if path.name.startswith(job_id)]
    return service.videos(job_id) + unfinished


def cancelling(service: LiveService, job_id: str) -> None:
    answer = service.cancel(job_id)
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelling")


def test_a_queued_job_ends_at_once_and_never_runs(service: LiveService) -> None:
    running = service.submit(options={"step_seconds": 0.1}, num_inference_steps=100)
    service.wait_for(running, "running")
    queued = service.submit()
    assert service.cancel(queued).json()["state"] == "cancelled"
    is_cancelled(service, queued)
    assert service.job(queued)["attempts"] == 0


@pytest.mark.parametrize(
    ("options", "phase"),
    [({"step_seconds": 0.3}, "denoising"), ({"chunk_seconds": 0.3}, "decoding")],
)
def test_a_running_job_leaves_at_its_next_step_and_the_model_stays(
    service: LiveService, options: dict[str, Any], phase: str
) -> None:
    service.finish()
    worker = service.worker_pid()
    job_id = service.submit(options=options)
    service.wait_for(job_id, phase)
    cancelling(service, job_id)
    is_cancelled(service, job_id)
    service.finish()
    assert service.worker_pid() == worker


@pytest.mark.parametrize(
    ("moment", "phase"),
    [
        ("encoding_prompt", "encoding_prompt"),
        ("denoising", "encoding_prompt"),  # before the first step is done
        ("decoding", "decoding"),
    ],
)
def test_a_job_that_hangs_loses_its_worker_and_the_queue_goes_on(
    service: LiveService, moment: str, phase: str
) -> None:
    hanging = service.submit(options={"hang_at": moment})
    service.wait_for(hanging, phase)
    next_job = service.submit()
    worker = service.worker_pid()
    cancelling(service, hanging)
    assert service.cancel(hanging).json()["state"] == "cancelling"  # twice is no error
    is_cancelled(service, hanging)
    service.wait_for(next_job, "completed")
    assert service.worker_pid() != worker


def test_a_worker_that_ignores_sigterm_is_killed(service: LiveService) -> None:
    job_id = service.submit(options={"step_seconds": 30})
    service.wait_for(job_id, "running")
    worker = service.worker_pid()
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)  # SIGTERM cannot reach it; SIGKILL can
    cancelling(service, job_id)
    is_cancelled(service, job_id)
    wait_gone(worker)


@pytest.fixture
def slow_loader(fleet: Fleet) -> Iterator[LiveService]:
    service = fleet.start(toy_load_seconds=30)
    yield service
    service.kill()


def test_a_job_whose_model_is_still_loading(slow_loader: LiveService) -> None:
    job_id = slow_loader.submit()
    slow_loader.wait_for(job_id, "loading")
    assert slow_loader.get("/info")["loaded"]["state"] == "loading"
    cancelling(slow_loader, job_id)
    is_cancelled(slow_loader, job_id)
    wait_until(lambda: slow_loader.worker_pid() is None, what="the worker is gone")


def test_nothing_is_left_of_the_encoder(service: LiveService) -> None:
    job_id = service.submit(options={"chunk_seconds": 0.3}, num_frames=161)
    service.wait_for(job_id, "decoding")
    worker = psutil.Process(service.worker_pid())
    encoders = wait_until(worker.children, what="the encoder runs")
    service.cancel(job_id)
    is_cancelled(service, job_id)
    for encoder in encoders:
        wait_gone(encoder.pid)


def test_a_video_published_while_its_job_was_cancelled_goes_with_it(
    service: LiveService,
) -> None:
    """The worker dies between its rename and its record, and the client had cancelled."""
    job_id = service.submit(options={"step_seconds": 30})
    service.wait_for(job_id, "encoding_prompt")
    published = publish_for(service, job_id)
    worker = service.worker_pid()
    assert worker is not None
    wait_until(lambda: stopped_outside_the_database(service, worker), what="the worker is stopped")
    cancelling(service, job_id)
    os.kill(worker, signal.SIGKILL)
    is_cancelled(service, job_id)
    assert not published.exists()


def stopped_outside_the_database(service: LiveService, worker: int) -> bool:
    """Stop a worker; it runs on where it was stopped while it held the database's lock."""
    os.kill(worker, signal.SIGSTOP)
    try:
        with closing(sqlite3.connect(service.database, timeout=0.1)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
    except sqlite3.OperationalError:
        os.kill(worker, signal.SIGCONT)
        return False
    return True


def publish_for(service: LiveService, job_id: str) -> Path:
    """The folder that the job's worker would publish, under its present claim."""
    from common.publishing.storage import Storage

    [(token,)] = service.query("SELECT token FROM jobs WHERE id = ?", job_id)
    draft = Storage(service.outputs, VIDEO_KIND.files).begin(job_id, token)
    (draft.folder / VIDEO.name).write_bytes(b"a video")
    draft.publish({"result": {}})
    return service.outputs / draft.folder.name
