"""Nothing that others need is held at a client's pace: clients here ask, and never read."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.integration.answers import error_of
from tests.integration.callers import callers, everyone
from tests.integration.fleet import Fleet
from tests.integration.test_batches import QUICK, end, make
from tests.live import LiveService, wait_until

MIB = 1024**2
CLIP_MIB = 64
"""More than all buffers on the way hold."""
OF_ONE, AT_ONCE = 2, 8


def large_batch(service: LiveService) -> dict[str, Any]:
    """Two finished videos that take a while to send."""
    batch = end(service, make(service, {"prompt": "a", **QUICK}, {"prompt": "b", **QUICK}))
    for member in batch["members"]:
        (folder,) = service.videos(member["job_id"])
        with (folder / "video.mp4").open("r+b") as file:
            file.truncate(CLIP_MIB * MIB)
    return batch


@contextmanager
def stalled(service: LiveService, path: str, address: str, **headers: str) -> Iterator[str]:
    """Ask for this from an address of its own, and read no more than the first line."""
    with socket.socket() as opened:
        opened.settimeout(20)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.bind((address, 0))
        opened.connect(("127.0.0.1", int(str(service.settings["PORT"]))))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        opened.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
        yield opened.recv(15).decode()


def guest(service: LiveService, address: str = "127.0.0.2") -> httpx.Client:
    transport = httpx.HTTPTransport(local_address=address)
    return httpx.Client(base_url=service.url, transport=transport, timeout=20)


def test_who_reads_no_zip_holds_up_nobody_else(service: LiveService):
    """A place held at a client's pace: two ZIPs of a caller that stall stop no other caller's."""
    batch = large_batch(service)
    path = batch["links"]["download"]
    with ExitStack() as stack:
        for _ in range(OF_ONE):
            assert "200" in stack.enter_context(stalled(service, path, "127.0.0.3"))
        refused = stack.enter_context(guest(service, "127.0.0.3")).get(path)
        assert refused.status_code == 503
        assert error_of(refused)["code"] == "busy"
        assert "yours" in error_of(refused)["message"]
        assert error_of(refused)["hint"]
        assert int(refused.headers["retry-after"]) > 0
        other = stack.enter_context(guest(service)).get(path)
        assert other.status_code == 200
        assert len(other.content) > 2 * CLIP_MIB * MIB
    wait_until(lambda: not service.reading(), what="the files are closed")
    assert service.client.get(path).status_code == 200


def test_there_are_places_for_some_zips_in_all(service: LiveService):
    """A place held at a client's pace: where all are taken, the next is told, and does not wait."""
    path = large_batch(service)["links"]["download"]
    with ExitStack() as stack:
        for place in range(AT_ONCE):
            address = f"127.0.0.{3 + place // OF_ONE}"
            assert "200" in stack.enter_context(stalled(service, path, address))
        refused = service.client.get(path)
        assert refused.status_code == 503
        assert "yours" not in error_of(refused)["message"]
        assert service.finish(**QUICK)["state"] == "completed"
    wait_until(lambda: not service.reading(), what="the files are closed")
    assert service.client.get(path).status_code == 200


def test_the_places_of_zips_are_those_of_owners(fleet: Fleet, tmp_path: Path):
    """A place held at a client's pace: with keys it is the owner who has it, wherever from."""
    keys = everyone(tmp_path)
    service = fleet.start(api_keys_file=keys.path)
    with callers(service, keys) as asking, ExitStack() as stack:
        paths = {}
        for name in ("ana", "ben"):
            answer = asking[name].post(
                "/generate/batch", json={"requests": [{"prompt": "a", **QUICK}]}
            )
            path = answer.json()["links"]["self"]
            wait_until(
                lambda name=name, path=path: asking[name].get(path).json()["state"] == "completed"
            )
            paths[name] = f"{path}/download"
        for folder in service.videos():
            with (folder / "video.mp4").open("r+b") as file:
                file.truncate(CLIP_MIB * MIB)
        for place in range(OF_ONE):
            key = {"X-API-Key": keys.keys["ana"]}
            address = f"127.0.0.{3 + place}"
            assert "200" in stack.enter_context(stalled(service, paths["ana"], address, **key))
        assert asking["ana"].get(paths["ana"]).status_code == 503
        assert asking["ben"].get(paths["ben"]).status_code == 200


@pytest.mark.parametrize("what", ["download", "events"])
def test_who_reads_no_answer_holds_no_thread(service: LiveService, what: str):
    """Threads and turns at a client's pace: more slow readers than threads, and all goes on."""
    batch = large_batch(service)
    job = batch["members"][0]["job_id"]
    with ExitStack() as stack:
        for _ in range(60):
            path = f"/jobs/{job}/{what}"
            assert "200" in stack.enter_context(stalled(service, path, "127.0.0.3"))
        assert service.finish(**QUICK)["state"] == "completed"
        other = batch["members"][1]["job_id"]
        assert service.client.get(f"/jobs/{other}/download").status_code == 200
        assert service.client.get("/metrics").status_code == 200
        assert service.client.get("/ui/").status_code == 200


def test_without_a_descriptor_a_request_is_told_so(service: LiveService):
    """Descriptors that clients hold: a request that gets none is 503, not a fault of the code."""
    path = large_batch(service)["links"]["download"]
    process = psutil.Process(service.process.pid)
    before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)

    def without_one() -> httpx.Response | None:
        try:
            # The kept connection is open already; the first file takes the last descriptor.
            most = (_highest(process) + 1, before[1])
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, most)
            answer = service.client.get(path)
        finally:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
        return None if answer.status_code == 200 else answer  # one was let go meanwhile

    answer = wait_until(without_one)
    assert (answer.status_code, error_of(answer)["code"]) == (503, "busy")
    assert service.client.get(path).status_code == 200


def _highest(process: psutil.Process) -> int:
    return max(int(entry.name) for entry in Path(f"/proc/{process.pid}/fd").iterdir())
