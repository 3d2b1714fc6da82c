"""Clients that go away in the middle: the connection is reset, and the log has nothing to say."""

import json
import socket
import struct
from collections.abc import Iterator

import pytest

from tests.integration.fleet import Fleet
from tests.integration.test_batches import make
from tests.live import LiveService, wait_until

MIB = 1024**2
SLOW = {"prompt": "a bar", "options": {"step_seconds": 0.5}}


@pytest.fixture
def service(fleet: Fleet) -> Iterator[LiveService]:
    service = fleet.start(log_level="INFO")
    yield service
    service.client.get("/health").raise_for_status()
    service.stop()
    for word in ("Traceback", "ERROR", "Exception"):
        assert word not in service.log(1000)


def connection(service: LiveService) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", int(str(service.settings["PORT"]))), timeout=20)
    # Reset at the close, as where a cable is pulled, instead of an orderly end.
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return opened


def post(
    path: str, body: bytes, length: int | None = None, kind: str = "application/json"
) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def leave(service: LiveService, request: bytes, answered: bytes = b"") -> None:
    """Send this, read until ``answered`` has come, and be gone."""
    with connection(service) as opened:
        opened.sendall(request)
        said = b""
        while answered not in said:
            said += opened.recv(1000)
    service.client.get("/health").raise_for_status()


@pytest.mark.parametrize("path", ["download", "thumbnail"])
def test_in_the_middle_of_a_download(service: LiveService, path: str):
    job = service.finish()
    (folder,) = service.videos(job["id"])
    for name in ("video.mp4", "thumbnail.jpg"):
        with (folder / name).open("r+b") as file:
            file.truncate(200 * MIB)
    for _ in range(3):
        leave(service, get(f"/jobs/{job['id']}/{path}"), b"\r\n\r\n")
    leave(service, get(f"/v1/videos/{job['id']}/content"), b"\r\n\r\n")


@pytest.mark.parametrize("path", ["/generate", "/batches", "/v1/videos", "/v1/videos/sync"])
def test_in_the_middle_of_a_body(service: LiveService, path: str):
    leave(service, post(path, b'{"prompt": "a', length=1000))
    form = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + bytes(
        50
    )
    leave(service, post(path, form, length=100_000, kind="multipart/form-data; boundary=x"))
    leave(service, post(path, b"", length=10))
    assert service.jobs() == []


def test_in_the_middle_of_event_streams(service: LiveService):
    job_id = service.submit(SLOW["options"])  # type: ignore[arg-type]
    batch = make(service, SLOW, SLOW)
    for path in (f"/jobs/{job_id}/events", batch["links"]["events"]):
        for _ in range(3):
            leave(service, get(path), b"data: ")
    service.wait_for(job_id, "completed")
    wait_until(lambda: not service.jobs(state=["queued", "running"]), what="the batch ends")


def test_in_the_middle_of_waiting_for_a_video(service: LiveService):
    with connection(service) as opened:
        opened.sendall(post("/v1/videos/sync", json.dumps(SLOW).encode()))
        (job,) = wait_until(service.jobs)
        service.wait_for(job["id"], "denoising")
    wait_until(lambda: service.job(job["id"])["state"] == "cancelled")


def test_in_the_middle_of_an_archive(service: LiveService):
    batch = make(service, {"prompt": "a bar"}, {"prompt": "another"})
    wait_until(lambda: service.get(batch["links"]["self"])["state"] == "completed")
    for video in service.videos():
        with (video / "video.mp4").open("r+b") as file:
            file.truncate(200 * MIB)
    leave(service, get(f"/batches/{batch['id']}/download"), b"\r\n\r\n")
