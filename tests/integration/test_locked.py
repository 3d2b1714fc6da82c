"""Somebody else holds the lock of the SQLite file for long: answers in time, and all heals."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest

from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until
from tests.seldom import seldom

ANSWER = 15.0
"""Seconds in which a client must have its 503: five, and patience with a busy machine."""


@contextmanager
def foreigner(service: LiveService, begin: str) -> Iterator[None]:
    """Another program that has begun a transaction, and does not end it."""
    with closing(sqlite3.connect(service.database, isolation_level=None, timeout=20)) as other:
        other.execute(begin)
        yield
        other.execute("ROLLBACK")


def unavailable(service: LiveService, method: str, path: str, **sent: Any) -> None:
    began = time.monotonic()
    answer = service.client.request(method, path, **sent)
    assert answer.status_code == 503, (path, answer.text)
    assert int(answer.headers["Retry-After"]) > 0, path
    assert time.monotonic() - began < ANSWER, path


def is_ready(service: LiveService) -> bool:
    return service.client.get("/ready").status_code == 200


@pytest.mark.parametrize("path", seldom(["/generate", "/v1/videos"]))
def test_a_foreign_writer_holds_up_no_read(service: LiveService, path: str) -> None:
    job_id = service.finish()["id"]
    with foreigner(service, "BEGIN IMMEDIATE"):
        unavailable(service, "POST", path, json={"prompt": "x"})
        for read in ("/jobs", f"/jobs/{job_id}", "/metrics", "/queue/status", "/batches"):
            service.get(read)
    service.finish()


def test_reads_go_on_while_a_write_waits(service: LiveService) -> None:
    """One that waits for the lock until its deadline must not keep the others' thread."""
    answered = 0
    with foreigner(service, "BEGIN IMMEDIATE"), ThreadPoolExecutor(1) as client:
        sent = {"json": {"prompt": "x"}, "timeout": 60, "trust_env": False}
        post = client.submit(httpx.post, f"{service.url}/generate", **sent)
        while not post.done():
            service.get("/jobs")
            answered += 1
    assert post.result().status_code == 503
    assert answered > 10


@pytest.mark.slow
def test_a_file_that_is_locked_altogether_costs_no_job(fleet: Fleet) -> None:
    service = fleet.start()
    running = service.submit(options={"step_seconds": 8})
    service.wait_for(running, "denoising")
    waiting = service.submit()
    with foreigner(service, "BEGIN EXCLUSIVE"):
        unavailable(service, "GET", "/ready")
        unavailable(service, "GET", "/jobs")
        unavailable(service, "POST", "/generate", json={"prompt": "x"})
        assert service.client.get("/health").elapsed.total_seconds() < ANSWER
    for job_id in (running, waiting):
        assert service.wait_for(job_id, "completed", timeout=60)["attempts"] == 1
    wait_until(lambda: is_ready(service), what="it is ready again")


@pytest.mark.slow
def test_two_services_never_share_a_file(fleet: Fleet) -> None:
    """What a name is on PostgreSQL, the locks in the folders are here."""
    first = fleet.start()
    for settings in (
        {"state_dir": first.state.parent},
        {"outputs_dir": first.outputs.parent},
    ):
        second = fleet.prepare(**settings)
        second.launch()
        assert second.exit_code(timeout=60) == 1
        assert "is held by another process." in second.log()
    first.finish()


def test_the_description_says_where_the_database_may_be_away(service: LiveService) -> None:
    paths = service.get("/openapi.json")["paths"]
    asking = [
        path for path in paths if path.startswith(("/generate", "/jobs", "/batches", "/v1/v"))
    ]
    assert len(asking) > 15
    for path in (*asking, "/queue/status", "/metrics"):
        for operation in paths[path].values():
            assert "Retry-After" in operation["responses"]["503"]["headers"], path
