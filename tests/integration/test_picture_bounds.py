"""One picture, however it is made, stops neither the service nor anybody else's pictures."""

import base64
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image

from tests import photos
from tests.integration import pictures
from tests.integration.answers import error_of
from tests.integration.callers import callers, everyone
from tests.integration.fleet import Fleet
from tests.live import LiveService, alive, wait_until

LARGE = photos.saved(Image.new("L", (7000, 7000)), "PNG", compress_level=1)
"""Takes long enough to be met while it is decoded."""


def post(client: httpx.Client, data: bytes, **fields: str) -> httpx.Response:
    form = {"prompt": "x", "dry_run": "true", **fields}
    return client.post("/generate", data=form, files={"image": data}, timeout=60)


@contextmanager
def halted(service: LiveService) -> Iterator[psutil.Process]:
    """The process that decodes, which goes no further: a decoder that takes for ever."""

    def decoder() -> psutil.Process | None:
        for child in psutil.Process(service.process.pid).children():
            if "common.media.pictures.child" in child.cmdline():
                child.send_signal(signal.SIGSTOP)
                return child
        return None

    child = wait_until(decoder, what="a picture is decoded")
    yield child
    if alive(child.pid):
        child.send_signal(signal.SIGCONT)


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def test_a_jpeg_of_thousands_of_scans_is_refused_before_the_first(service: LiveService) -> None:
    """A small file that costs minutes: it is known by its header, or ended by its bounds."""
    data = photos.many_scans(2000, 5000)
    assert len(data) < 1_000_000
    answer = post(service.client, data)
    assert answer.status_code == 422, answer.text
    error = error_of(answer)
    assert error["param"] == "image"
    assert "scans" in error["message"]


def test_a_stop_does_not_wait_for_a_picture(fleet: Fleet, beside: ThreadPoolExecutor) -> None:
    """SIGTERM ends the decoders in flight; who waits for one is told to come back."""
    service = fleet.start()
    answer = beside.submit(post, service.client, LARGE)
    with halted(service) as child:
        service.stop()
        assert not alive(child.pid)
    assert answer.result().status_code == 503
    assert error_of(answer.result())["code"] == "stopping"
    assert "Traceback" not in service.log()


def test_one_callers_picture_is_not_everybodys(
    fleet: Fleet, tmp_path: Path, beside: ThreadPoolExecutor
) -> None:
    """A lock is held for one caller's work, and never for all."""
    keys = everyone(tmp_path)
    service = fleet.start(api_keys_file=keys.path)
    with callers(service, keys) as clients:
        anas: list[Future[httpx.Response]] = [beside.submit(post, clients["ana"], LARGE)]
        with halted(service):
            anas.append(beside.submit(post, clients["ana"], pictures.png()))
            assert post(clients["ben"], pictures.png()).status_code == 200
            assert not any(answer.done() for answer in anas)
        assert [answer.result().status_code for answer in anas] == [200, 200]


def test_base64_of_a_clients_making_does_not_stop_the_loop(
    fleet: Fleet, beside: ThreadPoolExecutor
) -> None:
    """Nothing of a client's size is decoded where all requests are answered."""
    service = fleet.start()
    text = " ".join("A" * 10_000_000)
    body = {"prompt": "x", "image": text, "dry_run": True}
    answer = beside.submit(service.client.post, "/generate", json=body, timeout=60)
    with httpx.Client(base_url=service.url, trust_env=False) as other:
        while not answer.done():
            assert other.get("/health", timeout=5).status_code == 200
    assert error_of(answer.result())["param"] == "image"


@pytest.mark.parametrize("padded", [True, False])
def test_base64_as_addresses_have_it(service: LiveService, padded: bool) -> None:
    text = base64.urlsafe_b64encode(pictures.png()).decode()
    body = {"prompt": "x", "image": text if padded else text.rstrip("="), "dry_run": True}
    assert service.client.post("/generate", json=body).status_code == 200


@pytest.mark.parametrize("kind", ["GIF", "AVIF", "HEIF", "BMP", "WEBP"])
def test_a_picture_of_every_kind_becomes_a_video(service: LiveService, kind: str) -> None:
    image = photos.card((64, 48))
    data = photos.heic(image) if kind == "HEIF" else photos.saved(image, kind)
    answer = post(service.client, data, dry_run="false")
    assert answer.status_code == 202, answer.text
    assert answer.json()["requested"]["image"] == f"{kind.lower()} 64x48"
    job = service.wait_for(answer.json()["id"], "completed")
    assert job["resolved"]["image"] == f"{job['id']}.{kind.lower()}"
