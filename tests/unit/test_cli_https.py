"""The command line through the HTTPS proxy: its password, the service's key, its certificate."""

import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.cli.client import Client, address_beside
from scripts.cli.errors import CliError
from scripts.cli.pipeline import pipeline
from scripts.plain_http import Unreachable, get
from tests.receivers import Receiver, Reply, receiver

OPENSSL = shutil.which("openssl")
FOUND: dict[str, Any] = {
    "id": "p1",
    "model": "ltx2",
    "links": {"self": "/pipelines/p1"},
    "state": "running",
    "step": "clip",
    "percent": 0,
    "waiting_for": None,
    "seconds_left": None,
    "steps": [],
}
OVER = FOUND | {"state": "completed", "result": {"service": "studio", "job_id": "7"}}


def says(body: dict[str, Any]) -> Reply:
    return Reply(body=json.dumps(body).encode())


@pytest.fixture
def service() -> Iterator[Receiver]:
    with receiver() as opened:
        opened.answers(says({}))
        yield opened


def test_the_password_and_the_key_arrive_together(service: Receiver):
    with Client(f"http://ana:p%40ss@127.0.0.1:{service.port}", "vdgx_key") as client:
        client.job("7")
        assert client.url == f"http://127.0.0.1:{service.port}", "no password in what is shown"
    (told,) = service.told
    assert told.headers["authorization"] == "Basic YW5hOnBAc3M="
    assert told.headers["x-api-key"] == "vdgx_key"


def test_a_token_is_a_bearers(service: Receiver):
    with Client(f"http://127.0.0.1:{service.port}", "a.b.c") as client:
        client.job("7")
    assert service.told[0].headers["authorization"] == "Bearer a.b.c"


def test_a_key_does_not_follow_a_video_into_a_bucket(service: Receiver):
    with receiver() as bucket, Client(f"http://127.0.0.1:{service.port}", "vdgx_key") as client:
        bucket.answers(Reply(body=b"a video"))
        there = {"Location": f"http://127.0.0.1:{bucket.port}/7.mp4"}
        service.answers(Reply(status=307, headers=there))
        with client.video("7") as answer:
            assert answer.read() == b"a video"
        assert service.told[0].headers["x-api-key"] == "vdgx_key"
        assert not {"x-api-key", "authorization"} & bucket.told[0].headers.keys()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("https://ana:secret@spark:8441", "https://ana:secret@spark:8446"),
        ("http://spark:8001", "http://spark:9006"),  # moved, as here
        ("http://127.0.0.1:18001/videos", "http://127.0.0.1:18006/videos"),
        ("http://[::1]:8001", "http://[::1]:9006"),
        ("https://spark.example.org", None),
        ("http://spark:65535", None),
    ],
)
def test_another_service_is_as_far_from_its_port(
    asked: str, found: str | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("STUDIO_PORT", "9006")
    assert address_beside(asked, "ltx2", "studio") == found
    assert address_beside(asked, "ltx2", "sora") is None


def test_a_pipeline_waits_through_a_restart_and_tells_what_it_made(
    service: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    steps = tmp_path / "kite.yaml"
    steps.write_text("steps: []")
    service.answers(says(FOUND), Reply(status=502), says(OVER | {"model": "toy"}))
    url = f"http://127.0.0.1:{service.port}"
    with pytest.raises(CliError, match="Where studio is, is not known") as lost:
        pipeline(steps, output=str(tmp_path / "kite.mp4"), service=url)
    assert "videosdgx download 7 --service URL" in str(lost.value.body["hint"])
    assert capsys.readouterr().err.startswith("Pipeline p1\n")


@pytest.fixture
def secured(tmp_path: Path, service: Receiver) -> Iterator[tuple[str, Path]]:
    """The service by HTTPS, and who vouches for it."""
    if OPENSSL is None:
        pytest.skip("needs openssl")
    key, file = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(key), "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    with receiver(context) as opened:
        opened.answers(says({"fine": True}))
        yield f"https://localhost:{opened.port}", file


def test_the_proxys_authority_can_be_trusted_on_this_machine_too(
    secured: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
):
    url, authority = secured
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with Client(url) as client:
        assert client.get("/") == {"fine": True}
    assert get(url) == {"fine": True}


def test_a_certificate_that_is_not_trusted_is_told(
    secured: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with Client(secured[0]) as client, pytest.raises(CliError, match="not trusted") as refused:
        client.get("/")
    assert "SSL_CERT_FILE" in str(refused.value.body["hint"])
    assert not refused.value.passing, "it is not waited for"
    with pytest.raises(Unreachable, match="not trusted") as unknown:
        get(secured[0])
    assert "SSL_CERT_FILE" in unknown.value.fix


def test_authorities_that_cannot_be_read_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "empty.pem").touch()
    for name in ("none.pem", "empty.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        with pytest.raises(CliError, match="SSL_CERT_FILE"):
            Client("http://localhost:8001")
