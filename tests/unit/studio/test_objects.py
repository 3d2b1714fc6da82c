"""Files in buckets: real connections, to a server of the test's own that looks at no signature."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
from pydantic import SecretStr

from common.base.errors import InvalidRequest
from common.base.settings import Settings
from studio.fetching import TRIES, Fetcher
from studio.objects import Objects, check_source

FILE = b"0123456789" * 1000


class _Bucket(BaseHTTPRequestHandler):
    """``raw/file``, and the ways in which a bucket can be odd."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)  # type: ignore[attr-defined]
        first = self.server.asked.count(path) == 1  # type: ignore[attr-defined]
        if path == "/raw/silent":
            self.server.over.wait()  # type: ignore[attr-defined]
        answers = {"/raw/file": 200, "/raw/a%20b": 200, "/raw/dead": 500, "/raw/secret": 403}
        status = answers.get(path, 404)
        if path == "/raw/ill":
            status = 503 if first else 200
        body = FILE if status == 200 else b"<Error/>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Bucket) as running:
        running.asked, running.over = [], Event()  # type: ignore[attr-defined]
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield running
        running.over.set()  # type: ignore[attr-defined]
        running.shutdown()
        thread.join()


def settings(**values: object) -> Settings:
    usual: dict[str, object] = {"s3_input_buckets": "raw, more", "s3_keys": SecretStr("id secret")}
    return Settings(_env_file=None, **(usual | values))  # type: ignore[arg-type]


def fetched(
    server: ThreadingHTTPServer, name: str, path: Path, most: int = len(FILE), **values: object
) -> bytes:
    said = settings(s3_endpoint_url=f"http://127.0.0.1:{server.server_port}", **values)
    fetcher = Fetcher(said, most, waits=(0, 0), objects=Objects(said, most).way)
    fetcher.fetch(f"s3://{name}", path, lambda: None)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["raw/file", "raw/ill", "raw/a b"])
def test_an_object_comes_whole_and_is_tried_again(
    server: ThreadingHTTPServer, name: str, tmp_path: Path
) -> None:
    (tmp_path / "one.part").write_bytes(b"left by a worker that was killed")
    assert fetched(server, name, tmp_path / "one") == FILE


@pytest.mark.parametrize(
    ("name", "values", "words", "times"),
    [
        ("raw/dead", {}, "the bucket answers 500", TRIES),
        ("raw/secret", {}, "the bucket answers 403", TRIES),
        ("raw/silent", {"s3_timeout_seconds": 0.1}, "the bucket does not answer", TRIES),
        ("raw/silent", {"fetch_seconds": 0.2}, "did not come within 0.2 seconds", 1),
        ("raw/gone", {}, "Bucket raw has no such object", 1),
        ("raw/file", {"most": 999}, "larger than", 1),
        ("raw/file", {"s3_keys": SecretStr("")}, "cannot read its keys", 0),
        ("other/file", {}, "reads nothing from bucket other", 0),
    ],
)
def test_what_does_not_come_says_why_and_leaves_nothing(
    server: ThreadingHTTPServer,
    name: str,
    values: dict[str, object],
    words: str,
    times: int,
    tmp_path: Path,
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        fetched(server, name, tmp_path / "one", **values)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    assert len(server.asked) == times  # type: ignore[attr-defined]


def test_an_address_is_judged_before_the_job() -> None:
    check_source("s3://more/a/b.mp4", settings(fetch_urls=False))
    for address, words in (
        ("s3://other/a.mp4", "reads nothing from bucket other"),
        ("s3://raw", "no address"),
        ("https://example.com/a.mp4", "fetches nothing"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            check_source(address, settings(fetch_urls=False))
    with pytest.raises(InvalidRequest, match="reads nothing from bucket raw"):
        check_source("s3://raw/a.mp4", settings(s3_input_buckets=""))
