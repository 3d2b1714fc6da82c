"""Files from addresses that strangers write: real connections, to a server of the test's own."""

from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from common.base.errors import InvalidRequest, JobCancelled
from common.base.settings.fetching import FetchSettings
from studio.fetching import MAX_REDIRECTS, TRIES, Fetcher, check_address

FILE = b"0123456789" * 1000


class _Pages(BaseHTTPRequestHandler):
    """``/file``, and the ways in which a server can be odd."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        getattr(self, f"_{self.path.strip('/').partition('/')[0]}")()

    def _file(self) -> None:
        self._answer(200, FILE, {"Content-Length": str(len(FILE))})

    def _endless(self) -> None:
        self._answer(200, FILE * 20, {})

    def _boasting(self) -> None:
        self._answer(200, FILE, {"Content-Length": str(10**12)})

    def _short(self) -> None:
        self._answer(200, FILE, {"Content-Length": str(len(FILE) + 1)})

    def _gone(self) -> None:
        self._answer(404, b"", {"Content-Length": "0"})

    def _ill(self) -> None:
        first = self.server.asked.count(self.path) == 1  # type: ignore[attr-defined]
        self._answer(503 if first else 200, FILE, {"Content-Length": str(len(FILE))})

    def _dead(self) -> None:
        self._answer(500, b"", {"Content-Length": "0"})

    def _moved(self) -> None:
        self._answer(302, b"", {"Location": "/file", "Content-Length": "0"})

    def _round(self) -> None:
        self._answer(302, b"", {"Location": "/round", "Content-Length": "0"})

    def _inwards(self) -> None:
        port = self.server.server_port  # type: ignore[attr-defined]
        where = {"Location": f"http://inside.test:{port}/file", "Content-Length": "0"}
        self._answer(302, b"", where)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as running:
        running.asked = []  # type: ignore[attr-defined]
        thread = Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


async def names(host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"] if host == "outside.test" else ["10.0.0.7"]


def settings(**values: object) -> FetchSettings:
    usual: dict[str, object] = {
        "fetch_urls": True,
        "fetch_allow_http": True,
        "fetch_allow_private": True,
        "fetch_ports": "any",
    }
    return FetchSettings.model_validate(usual | values)


def fetched(
    server: ThreadingHTTPServer, page: str, path: Path, host: str = "127.0.0.1", **values: object
) -> bytes:
    fetcher = Fetcher(settings(**values), max_bytes=10 * len(FILE), waits=(0, 0))
    fetcher.fetch(f"http://{host}:{server.server_port}/{page}", path, lambda: None)
    return path.read_bytes()


@pytest.mark.parametrize("page", ["file", "moved", "ill"])
def test_a_file_comes_whole(server: ThreadingHTTPServer, page: str, tmp_path: Path) -> None:
    assert fetched(server, page, tmp_path / "one") == FILE


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("endless", "more than"),
        ("boasting", "more than"),
        ("short", "connection broke"),
        ("gone", "answered 404"),
        ("dead", "answered 500"),
        ("round", "one address to the next"),
    ],
)
def test_what_does_not_come_leaves_nothing(
    server: ThreadingHTTPServer, page: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        fetched(server, page, tmp_path / "one")
    assert list(tmp_path.iterdir()) == []


def test_it_is_tried_again_and_not_for_ever(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    for page, times in (("dead", TRIES), ("gone", 1), ("round", MAX_REDIRECTS + 1)):
        with pytest.raises(InvalidRequest):
            fetched(server, page, tmp_path / "one")
        assert server.asked.count(f"/{page}") == times  # type: ignore[attr-defined]


def test_no_address_leads_into_this_network(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="not public"):
        fetched(server, "file", tmp_path / "one", fetch_allow_private=False)
    fetcher = Fetcher(settings(fetch_allow_private=False), 10**6, resolve=names)
    with pytest.raises(InvalidRequest, match="not public"):  # a name of an address here
        fetcher.fetch(
            f"http://outside.test:{server.server_port}/file", tmp_path / "one", lambda: None
        )
    assert server.asked == []  # type: ignore[attr-defined]


def test_a_redirect_is_looked_at_like_the_first(
    server: ThreadingHTTPServer, tmp_path: Path
) -> None:
    def allowed(address: str, *, private: bool) -> bool:
        return not private and address == "127.0.0.1"  # stands for a public one

    outside = settings(fetch_allow_private=False)
    fetcher = Fetcher(outside, 10**6, resolve=names, allowed=allowed)
    address = f"http://outside.test:{server.server_port}"
    fetcher.fetch(f"{address}/file", tmp_path / "one", lambda: None)
    with pytest.raises(InvalidRequest, match="not public"):
        fetcher.fetch(f"{address}/inwards", tmp_path / "two", lambda: None)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://example.com/a.mp4", "https"),
        ("https://me:secret@example.com/a.mp4", "password"),
        ("https://example.com:22/a.mp4", "port 22"),
        ("https://localhost/a.mp4", "not public"),
        ("https://192.168.1.1/a.mp4", "not public"),
        ("https://[::ffff:169.254.169.254]/latest", "not public"),
        ("https://", "no address"),
    ],
)
def test_addresses_are_judged_before_the_job(address: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        check_address(address, FetchSettings(fetch_urls=True))


def test_nothing_is_fetched_unless_the_operator_says_so() -> None:
    with pytest.raises(InvalidRequest, match="fetches nothing"):
        check_address("https://example.com/a.mp4", FetchSettings())


def test_a_cancelled_job_leaves_it(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    def cancelled() -> None:
        raise JobCancelled

    fetcher = Fetcher(settings(), 10**6)
    with pytest.raises(JobCancelled):
        fetcher.fetch(f"http://127.0.0.1:{server.server_port}/file", tmp_path / "one", cancelled)
    assert list(tmp_path.iterdir()) == []
