"""Connections are bounded in number and in time, and those of honest clients live on."""

import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until
from tests.sockets import ask, closed, connect, head, read, say

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def hurried(fleet: Fleet) -> LiveService:
    """A service with a second's patience."""
    return fleet.start(client_seconds=1)


@contextmanager
def many(service: LiveService, count: int, *sources: str) -> Iterator[list[socket.socket]]:
    """So many open connections, in turn from these addresses."""
    with ExitStack() as stack:
        froms = sources or ("127.0.0.1",)
        yield [
            stack.enter_context(connect(service, froms[number % len(froms)]))
            for number in range(count)
        ]


# Time


@pytest.mark.parametrize("sent", [b"", GET[:20], GET[:-2], GET + GET[:20]])
def test_who_does_not_finish_a_head_is_closed(hurried: LiveService, sent: bytes) -> None:
    """Idle connections and half heads that stayed open for ever."""
    with connect(hurried) as opened:
        opened.sendall(sent)
        if sent.startswith(GET):
            assert read(opened).status == 200
        answer = read(opened)
        assert answer.status == (408 if sent else 0)
        assert not sent or "CLIENT_SECONDS" in answer.error["hint"]


def test_a_head_that_drips_is_closed(hurried: LiveService) -> None:
    """A head without an end in time, though there is always something of it."""
    with connect(hurried) as opened:
        opened.sendall(GET[:-2])
        opened.settimeout(0.1)
        assert wait_until(lambda: _dripped(opened), what="an answer").startswith(b"HTTP/1.1 408")


def _dripped(opened: socket.socket) -> bytes:
    try:
        opened.sendall(b"X-A: b\r\n")
        return opened.recv(1000)
    except TimeoutError:
        return b""


def test_who_goes_on_sending_after_the_answer_is_closed(hurried: LiveService) -> None:
    """A connection that is held by a body which nobody reads."""
    with connect(hurried) as opened:
        assert say(opened, head("/auth/session", 10**9)).status == 413
        wait_until(lambda: _sent_in_vain(opened), what="it is closed")


def _sent_in_vain(opened: socket.socket) -> bool:
    try:
        opened.sendall(b"x" * 1000)
    except OSError:
        return True
    return closed(opened)


def test_who_takes_nothing_of_an_answer_is_left(fleet: Fleet) -> None:
    """An answer that is held in memory for a client that never reads it."""
    service = fleet.start(client_seconds=0.3)
    video = service.finish(num_frames=49)["id"]
    size = len(service.client.get(f"/jobs/{video}/download").content)
    ask_for = f"GET /jobs/{video}/download HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        opened.connect(("127.0.0.1", int(str(service.settings["PORT"]))))
        opened.sendall(ask_for * (6 * 1024**2 // size + 1))  # more than the kernel keeps
        before = _descriptors(service)
        wait_until(lambda: _descriptors(service) < before, what="the connection is gone")


def test_who_takes_it_slowly_or_has_nothing_to_take_lives_on(hurried: LiveService) -> None:
    """A deadline that is too hard: streams of events are quiet for minutes."""
    slow = hurried.submit({"step_seconds": 2}, num_inference_steps=2)
    watch = f"GET /jobs/{slow}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with connect(hurried) as opened:
        opened.sendall(watch)
        said = b""
        while b'"completed"' not in said:
            more = opened.recv(65536)
            assert more, said[-500:]
            said += more


# Number


def test_over_the_cap_the_longest_idle_one_makes_room(fleet: Fleet) -> None:
    """Connections without a bound: those who only hold one lose it, and nobody waits for it."""
    service = fleet.start(max_connections=40)
    sources = [f"127.0.0.{number}" for number in range(2, 6)]
    with many(service, 60, *sources) as idle:
        for _ in range(10):
            assert ask(service, GET).status == 200
        wait_until(lambda: sum(map(closed, idle)) >= 20, what="the first ones are closed")
        assert not closed(idle[-1])
    assert service.client.get("/health").status_code == 200


def test_an_address_has_half_of_them(fleet: Fleet) -> None:
    """One address that takes every connection."""
    service = fleet.start(max_connections=40)
    with many(service, 10, "127.0.0.3") as others, many(service, 40, "127.0.0.2") as idle:
        wait_until(lambda: sum(map(closed, idle)) >= 20, what="the first ones are closed")
        assert not any(map(closed, others))


def test_where_everybody_is_busy_the_next_one_is_told_so(fleet: Fleet) -> None:
    """Connections without a bound, none of which is idle."""
    service = fleet.start(max_connections=16)
    with many(service, 8, "127.0.0.2") as busy:
        for one in busy:
            one.sendall(head("/generate", 1000, expect="100-continue"))
            assert b"100" in one.recv(1000)  # it is read
        answer = wait_until(lambda: _told(service), what="no place for the ninth")
        assert answer.status == 503
        assert "retry-after: 5" in answer.head
        assert "MAX_CONNECTIONS" in answer.error["hint"]
        assert ask(service, GET, "127.0.0.3").status == 200


def _told(service: LiveService) -> Any:
    with connect(service, "127.0.0.2") as opened:
        answer = say(opened, GET)
        return answer if answer.status != 200 else None


def test_descriptors_do_not_run_out(fleet: Fleet) -> None:
    """Descriptors that strangers use up: `/health` timed out, and the log grew by 2 MB a second."""
    service = fleet.prepare()
    service.launch_under = ("prlimit", "--nofile=256:256")
    service.start()
    with many(service, 400):
        for _ in range(20):
            assert ask(service, GET).status == 200
        assert service.finish(prompt="honest")["state"] == "completed"
    log = service.log_file.read_text()
    assert log.count("out of system resource") <= 2
    assert "few open files are allowed" in log
    assert len(log) < 100_000


def test_the_soft_limit_is_raised(fleet: Fleet) -> None:
    """Descriptors that run out though the machine has more."""
    service = fleet.prepare()
    service.launch_under = ("prlimit", "--nofile=128:4096")
    service.start()
    soft, _ = resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE)
    assert soft == 4096


# What a head may ask for


@pytest.mark.parametrize(
    "line",
    [
        "X-A: " + "a" * 40_000,
        "Cookie: " + "; ".join(f"a{n}=b" for n in range(6000)),
        "Range: bytes=" + ",".join(f"{n}-{n}" for n in range(8000)),
        "If-None-Match: " + ",".join(f'"{n}"' for n in range(8000)),
        "Accept: " + ",".join("a/b;q=0.1" for _ in range(5000)),
        "\r\n".join("a: b" for _ in range(8000)),
    ],
    ids=["long", "cookies", "ranges", "tags", "accept", "many"],
)
def test_a_head_is_bounded(service: LiveService, line: str) -> None:
    """Headers that make work by their length or number."""
    answer = ask(service, f"GET /health HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n".encode())
    assert answer.status in (400, 431)


def test_a_target_is_bounded(service: LiveService) -> None:
    """Paths and parameters that make work by their length or number."""
    for target in ("/" + "a" * 50_000, "/jobs?" + "&".join(f"a{n}=b" for n in range(10_000))):
        sent = f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        assert ask(service, sent).status in (400, 431)


def test_a_body_in_tiny_chunks_is_refused(service: LiveService) -> None:
    """A sender's framing that makes work: a thousand steps for a kilobyte."""
    with connect(service) as opened:
        answer = say(opened, head("/generate") + b"1\r\n \r\n" * 3000)
        assert answer.status == 400
    body = b"".join(b"400\r\n" + b" " * 1024 + b"\r\n" for _ in range(900))
    assert ask(service, head("/generate") + body + b"0\r\n\r\n").status == 422


@pytest.mark.parametrize("origin", ["http://[::", "http://[x]", "null", "\x80", "//"])
def test_an_origin_may_be_anything(service: LiveService, origin: str) -> None:
    """Addresses that Python does not read (was a 500)."""
    sent = f"POST /unload HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n"
    assert ask(service, sent.encode("latin-1")).status == 403


def test_an_event_id_of_5000_digits_is_none_of_ours(service: LiveService) -> None:
    """Numbers that Python does not read (was a 500)."""
    job = service.finish()["id"]
    for number in ("9" * 5000, "-1", "1e999", "٣", "0x10", "NaN"):
        answer = service.client.get(
            f"/jobs/{job}/events", headers={"last-event-id": number.encode()}
        )
        assert answer.status_code == 200, answer.text


def _descriptors(service: LiveService) -> int:
    assert sys.platform == "linux"
    import psutil

    return int(psutil.Process(service.process.pid).num_fds())
