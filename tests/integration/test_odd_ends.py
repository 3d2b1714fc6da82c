"""Ends that nobody foresaw: nameless signals, deadlines, rows that cannot be read, no threads."""

import os
import resource
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from tests.integration.answers import error_of
from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_gone, wait_until
from tests.seldom import seldom

SLOW = {"step_seconds": 0.3}
ODD = {
    "no JSON": ("resolved", "{"),
    "another version's": ("resolved", '{"prompt": "x", "resolution": "4k"}'),
    "a record of another shape": ("adjustments", '{"fps": 16}'),
}


def plant(service: LiveService, job_id: str, column: str, value: str | None) -> None:
    """Write what no version of ours would, as a damaged disk or another version does."""
    with closing(sqlite3.connect(service.database, timeout=10)) as connection, connection:
        statement = f"UPDATE jobs SET {column} = ? WHERE id = ?"  # noqa: S608  # our own names
        assert connection.execute(statement, (value, job_id)).rowcount == 1


@pytest.mark.parametrize("number", seldom([40, 50, signal.SIGKILL]))
def test_a_signal_without_a_name_ends_a_worker_and_nothing_else(
    service: LiveService, number: int
) -> None:
    job_id = service.submit(options=SLOW)
    service.wait_for(job_id, "denoising")
    worker = service.worker_pid()
    assert worker is not None
    os.kill(worker, number)
    wait_gone(worker)
    assert service.wait_for(job_id, "completed")["attempts"] == 2
    assert service.finish()["attempts"] == 1


@pytest.mark.parametrize(
    "where", ["step_seconds", pytest.param("chunk_seconds", marks=pytest.mark.slow)]
)
def test_a_job_over_its_step_deadline_is_given_up_after_three_times(
    fleet: Fleet, where: str
) -> None:
    service = fleet.start(step_timeout_seconds=0.7)
    stuck, healthy = service.submit(options={where: 30}), service.submit()
    job = service.wait_for(stuck, "failed", timeout=40)
    assert (job["attempts"], job["error"]["code"]) == (3, "worker_died")
    assert "made no progress" in job["error"]["message"]
    assert service.wait_for(healthy, "completed")["attempts"] == 1


@pytest.mark.slow
def test_a_load_over_its_deadline_is_given_up_after_three_times(fleet: Fleet) -> None:
    service = fleet.start(loading_timeout_seconds=0.7, toy_load_seconds=30)
    job = service.wait_for(service.submit(), "failed", timeout=40)
    assert (job["attempts"], job["error"]["code"]) == (3, "worker_died")
    assert "loading" in job["error"]["message"]


@pytest.mark.slow
def test_an_encoder_over_its_deadline_is_given_up_after_three_times(
    fleet: Fleet, tmp_path: Path
) -> None:
    encoder = tmp_path / "ffmpeg"  # the real one, and then no end as long as its worker lives
    hang = "while kill -0 $PPID 2>/dev/null; do sleep 0.1; done"
    encoder.write_text(f'#!/bin/sh\n"{get_ffmpeg_exe()}" "$@"\n{hang}\n')
    encoder.chmod(0o755)
    service = fleet.start(encoding_timeout_seconds=0.7, imageio_ffmpeg_exe=encoder)
    job = service.wait_for(service.submit(), "failed", timeout=40)
    assert (job["attempts"], job["error"]["code"]) == (3, "worker_died")
    assert "made no progress" in job["error"]["message"]
    assert "encoding_video" in job["error"]["message"]
    assert service.videos() == []


@pytest.mark.parametrize("odd", ODD)
def test_a_queued_row_that_cannot_be_read_fails_alone(service: LiveService, odd: str) -> None:
    running, broken, healthy = (service.submit(options=SLOW) for _ in range(3))
    service.wait_for(running, "denoising")
    plant(service, broken, *ODD[odd])
    assert service.job(broken)["state"] == "queued"
    job = service.wait_for(broken, "failed")
    assert job["error"]["code"] == "unreadable_record"
    assert ODD[odd][0] in job["error"]["message"]
    for job_id in (running, healthy):
        service.wait_for(job_id, "completed")
    for path in ("/jobs", "/metrics", "/queue/status", "/ready", f"/jobs/{broken}"):
        service.get(path)
    assert service.client.delete(f"/jobs/{broken}").status_code == 204


def test_an_odd_row_can_be_cancelled(service: LiveService) -> None:
    running, broken = service.submit(options=SLOW), service.submit()
    plant(service, broken, "resolved", "{")
    assert service.cancel(broken).json()["state"] == "cancelled"
    service.wait_for(running, "completed")


@pytest.mark.parametrize(
    ("column", "value"),
    seldom([("result", "{"), ("error", "1"), ("state", "archived"), ("progress", "")]),
)
def test_an_ended_row_that_cannot_be_read_stops_no_start(
    fleet: Fleet, column: str, value: str
) -> None:
    service = fleet.start()
    made, other = service.finish(), service.finish()
    service.stop()
    plant(service, made["id"], column, value)
    service.restart()
    assert {job["id"] for job in service.jobs()} == {made["id"], other["id"]}
    service.get("/metrics")
    assert "videosdgx_jobs" in service.client.get("/metrics", headers={"Accept": "text/plain"}).text
    assert len(service.videos(made["id"])) == 1, "the record is damaged, not the video"
    service.finish()


def test_a_lost_result_is_told_as_such(fleet: Fleet) -> None:
    service = fleet.start()
    made = service.finish()
    plant(service, made["id"], "result", '{"folder": 1}')
    job = service.job(made["id"])
    assert (job["state"], job["error"]["code"]) == ("failed", "unreadable_record")
    answer = service.client.get(f"/jobs/{made['id']}/download")
    assert answer.status_code == 409
    assert "result" in error_of(answer)["message"]


def test_without_threads_nothing_is_made_until_there_are_some(fleet: Fleet) -> None:
    service = fleet.prepare().by_exec().start()  # a fork needs no thread for its worker
    for path in ("/ready", "/presets"):  # its own threads are there, and one for what blocks
        service.get(path)
    pid = service.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    room = psutil.Process(pid).memory_info().vms + 2 * 1024**2  # a thread's stack takes eight
    resource.prlimit(pid, resource.RLIMIT_AS, (room, before[1]))
    job_id = service.submit()
    wait_until(lambda: service.client.get("/ready").status_code == 503, what="it is not ready")
    assert "supervisor" in service.client.get("/ready").json()["reasons"][0]
    assert service.job(job_id)["state"] == "queued"
    resource.prlimit(pid, resource.RLIMIT_AS, before)
    assert service.wait_for(job_id, "completed")["attempts"] == 1
    wait_until(lambda: service.client.get("/ready").status_code == 200, what="it is ready again")
    metrics = service.client.get("/metrics", headers={"Accept": "text/plain"}).text
    assert 'videosdgx_task_restarts_total{model="toy",task="supervisor"}' in metrics
