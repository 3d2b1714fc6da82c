"""Services on a PostgreSQL that falls silent, crashes, or is shared by two of them."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from tests.integration.fleet import Fleet
from tests.live import LiveService, alive, wait_gone, wait_until
from tests.postgres import PostgresServer, started

ANSWER = 15.0
"""Seconds in which a client must have its 503: five, and patience with a busy machine."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with started() as server:
        yield server


def connected(server: PostgresServer) -> "psycopg.Connection[Any]":
    return psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True)


@pytest.fixture
def postgres(server: PostgresServer) -> Iterator[PostgresServer]:
    """Running, and empty."""
    with connected(server) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    yield server
    server.thaw()


def unavailable(service: LiveService, method: str, path: str, **sent: Any) -> None:
    """It is answered in time by a 503 that says when to come back."""
    began = time.monotonic()
    answer = service.client.request(method, path, **sent)
    assert answer.status_code == 503, (path, answer.text)
    assert int(answer.headers["Retry-After"]) > 0, path
    assert time.monotonic() - began < ANSWER, path
    assert "job database does not answer" in answer.text, path


def die(service: LiveService) -> None:
    """As a machine does: API process and worker in the same moment."""
    api = psutil.Process(service.process.pid)
    together = [api, *api.children(recursive=True)]
    for process in together:
        process.suspend()
    for process in together:
        process.kill()
    service.exit_code()


def is_ready(service: LiveService) -> bool:
    return service.client.get("/ready").status_code == 200


@pytest.mark.slow
def test_a_silent_server_costs_a_503_and_no_job(fleet: Fleet, postgres: PostgresServer) -> None:
    service = fleet.start(database_url=postgres.url, heartbeat_timeout_seconds=5)
    running = service.submit(options={"step_seconds": 10})
    service.wait_for(running, "denoising")
    waiting = service.submit()
    worker = service.worker_pid()
    postgres.freeze()
    unavailable(service, "GET", "/ready")
    unavailable(service, "GET", "/jobs")
    unavailable(service, "POST", "/generate", json={"prompt": "x"})
    unavailable(service, "POST", "/v1/videos", json={"prompt": "x"})
    unavailable(service, "GET", "/metrics")
    assert service.client.get("/health").elapsed.total_seconds() < ANSWER
    assert service.worker_pid() == worker, "its job goes on"
    postgres.thaw()
    for job_id in (running, waiting):
        assert service.wait_for(job_id, "completed", timeout=60)["attempts"] == 1
        assert len(service.videos(job_id)) == 1
    wait_until(lambda: is_ready(service), what="it is ready again")
    service.finish()
    service.stop()


@pytest.mark.slow
def test_a_silent_server_keeps_no_service_from_ending(
    fleet: Fleet, postgres: PostgresServer
) -> None:
    service = fleet.start(database_url=postgres.url, drain_seconds=1)
    running, waiting = service.submit(options={"step_seconds": 3}), service.submit()
    service.wait_for(running, "denoising")
    worker = service.worker_pid()
    assert worker is not None
    postgres.freeze()
    service.process.send_signal(signal.SIGTERM)
    assert service.exit_code(timeout=60) == 0
    wait_gone(worker)
    postgres.thaw()
    service.restart()
    for job_id in (running, waiting):
        assert service.wait_for(job_id, "completed", timeout=60)["attempts"] == 1
        assert len(service.videos(job_id)) == 1


def test_many_calls_that_hang_hold_up_nothing_else(fleet: Fleet, postgres: PostgresServer) -> None:
    service = fleet.start(database_url=postgres.url)
    job_id = service.finish()["id"]
    postgres.freeze()
    began = time.monotonic()
    with ThreadPoolExecutor(60) as clients:
        url = f"{service.url}/jobs/{job_id}"
        asked = [clients.submit(httpx.get, url, timeout=60) for _ in range(60)]
        assert service.client.get("/presets").status_code == 200  # read from disk, in a thread
        assert {one.result().status_code for one in asked} == {503}
    assert time.monotonic() - began < ANSWER
    postgres.thaw()
    assert service.job(job_id)["state"] == "completed"


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_server_that_starts_anew_costs_no_attempt(
    fleet: Fleet, postgres: PostgresServer, mode: str
) -> None:
    service = fleet.start(database_url=postgres.url)
    job_id = service.submit(options={"step_seconds": 0.5})
    service.wait_for(job_id, "denoising")
    postgres.restart(mode)
    assert service.wait_for(job_id, "completed", timeout=60)["attempts"] == 1
    assert len(service.videos(job_id)) == 1
    assert not service.partials()
    wait_until(lambda: is_ready(service), what="it is ready again")


@pytest.mark.slow
def test_a_dead_machines_job_is_made_by_one_whose_worker_lives(
    fleet: Fleet, postgres: PostgresServer
) -> None:
    shared = {"database_url": postgres.url, "lease_seconds": 3, "auto_unload_minutes": -1}
    first = fleet.start(worker_name="first", **shared)
    second = fleet.start(worker_name="second", outputs_dir=first.outputs.parent, **shared)
    for service in (first, second):
        service.client.post("/load")
        wait_until(partial(is_loaded, service), what="its worker waits for jobs")
    job_ids = [second.submit(options={"step_seconds": 3}) for _ in range(2)]
    mine = wait_until(partial(claims, postgres), what="each makes one of them")
    survivor = second.worker_pid()
    die(first)
    for job_id in job_ids:
        attempts = second.wait_for(job_id, "completed", timeout=60)["attempts"]
        assert attempts == (2 if job_id == mine["first"] else 1)
        assert len(first.videos(job_id)) == 1, "they share the folder"
    assert second.worker_pid() == survivor


def is_loaded(service: LiveService) -> bool:
    return bool(service.client.get("/ready").json()["model_loaded"])


def claims(postgres: PostgresServer) -> dict[str, str] | None:
    """Which job each of two workers makes, once both do."""
    with connected(postgres) as connection:
        query = "SELECT worker, id FROM jobs WHERE state = 'running'"
        found = dict(connection.execute(query).fetchall())
    return found if len(found) == 2 else None


@pytest.mark.slow
def test_a_name_is_one_services_alone(fleet: Fleet, postgres: PostgresServer) -> None:
    first = fleet.start(database_url=postgres.url, worker_name="spark")
    second = fleet.prepare(
        database_url=postgres.url, worker_name="spark", outputs_dir=first.outputs.parent
    )
    second.launch()
    assert second.exit_code(timeout=60) == 1
    assert "the name spark is taken; waiting" in second.log()
    assert "Another service with the name spark works on this database." in second.log()
    assert "WORKER_NAME" in second.log()
    second.settings["WORKER_NAME"] = "other"
    second.start()
    first.finish()


def test_a_killed_service_is_started_again_at_once(fleet: Fleet, postgres: PostgresServer) -> None:
    service = fleet.start(database_url=postgres.url)
    service.kill()
    service.restart()
    service.finish()


@pytest.mark.slow
def test_a_name_that_was_lost_to_another_stops_the_work(
    fleet: Fleet, postgres: PostgresServer
) -> None:
    """The connection that held it was cut, and another took it in the same moment."""
    service = fleet.start(database_url=postgres.url, worker_name="spark")
    job_id = service.submit(options={"step_seconds": 0.5})
    service.wait_for(job_id, "denoising")
    worker = service.worker_pid()
    assert worker is not None
    with connected(postgres) as rival, ThreadPoolExecutor(1) as waiting:
        key = ["videosdgx toy spark"]
        taken = waiting.submit(
            rival.execute, "SELECT pg_advisory_lock(hashtextextended(%s, 0))", key
        )
        with connected(postgres) as other:
            locks = "FROM pg_locks WHERE locktype = 'advisory'"
            queued = f"SELECT {locks} AND NOT granted"
            wait_until(lambda: other.execute(queued).fetchall(), what="the rival waits for it")
            other.execute(f"SELECT pg_terminate_backend(pid) {locks} AND granted")
        taken.result()
        wait_until(lambda: not is_ready(service), what="it says that it lost its name")
        assert "name_taken" in service.client.get("/ready").text
        wait_until(lambda: not alive(worker), what="its worker is ended")
    wait_until(lambda: is_ready(service), what="it has its name again")
    assert service.wait_for(job_id, "completed", timeout=60)["attempts"] == 1
