"""Pictures from clients: taken when honest, refused by content and by size when not."""

import base64
from collections.abc import Callable

import httpx
import pytest

from tests.integration import pictures
from tests.integration.answers import error_of
from tests.live import LiveService

Post = Callable[[LiveService, bytes], httpx.Response]
MIB = 1024**2
BAD = {
    "text": b"hello",
    "empty": b"",
    "half": pictures.png()[:-200],
    "tiff": pictures.tiff(),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "playlist": b"#EXTM3U\nhttp://localhost/x",
    "bomb": pictures.bomb(),
}


def post_form(service: LiveService, data: bytes, **fields: str) -> httpx.Response:
    files = {"image": ("../../etc/a.png", data, "image/png")}
    return service.client.post("/generate", data={"prompt": "x", **fields}, files=files)


def post_json(service: LiveService, data: bytes) -> httpx.Response:
    text = base64.b64encode(data).decode()
    return service.client.post("/generate", json={"prompt": "x", "image": text})


@pytest.mark.parametrize("post", [post_form, post_json])
def test_an_honest_picture_becomes_a_video(service: LiveService, post: Post) -> None:
    answer = post(service, pictures.png())
    assert answer.status_code == 202, answer.text
    assert answer.json()["requested"]["image"] == "png 64x48"
    job = service.wait_for(answer.json()["id"], "completed")
    assert job["resolved"]["image"] == f"{job['id']}.png"  # never the client's own name


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("post", [post_form, post_json])
def test_a_bad_picture_is_refused_quickly(service: LiveService, post: Post, kind: str) -> None:
    answer = post(service, BAD[kind])
    assert answer.status_code == 422, answer.text
    assert error_of(answer)["param"] == "image"
    assert answer.elapsed.total_seconds() < 2


def test_a_bomb_takes_no_memory(service: LiveService) -> None:
    before = service.get("/info")["memory"]["api_rss_bytes"]
    for _ in range(3):
        post_form(service, BAD["bomb"])
    assert service.get("/info")["memory"]["api_rss_bytes"] - before < 30 * MIB


def test_a_file_under_another_name_is_refused(service: LiveService) -> None:
    files = {"picture": ("a.png", pictures.png(), "image/png")}
    answer = service.client.post("/generate", data={"prompt": "x"}, files=files)
    assert error_of(answer)["param"] == "picture"


def test_a_form_without_a_picture_is_taken(service: LiveService) -> None:
    files = {"seed": (None, "5"), "prompt": (None, "x"), "options": (None, '{"step_seconds": 0}')}
    answer = service.client.post("/generate", files=files)
    assert answer.status_code == 202, answer.text
    assert answer.json()["resolved"]["seed"] == 5


@pytest.mark.parametrize(
    "body",
    [
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        b"nonsense",
        b"",
    ],
)
def test_a_broken_form_is_a_client_error(service: LiveService, body: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = service.client.post("/generate", content=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    error_of(answer)


def test_a_form_without_a_boundary_is_a_client_error(service: LiveService) -> None:
    headers = {"content-type": "multipart/form-data"}
    answer = service.client.post("/generate", content=b"x", headers=headers)
    assert 400 <= answer.status_code < 500
    error_of(answer)


def test_a_removed_job_takes_its_picture_along(service: LiveService) -> None:
    job_id = post_form(service, pictures.png()).json()["id"]
    service.wait_for(job_id, "completed")
    uploads = service.state / "inputs"
    assert list(uploads.glob(f"{job_id}*"))
    service.client.delete(f"/jobs/{job_id}")
    assert not list(uploads.glob(f"{job_id}*"))


def test_a_cancelled_job_takes_its_picture_along(service: LiveService) -> None:
    options = '{"step_seconds": 0.1}'
    job_id = post_form(service, pictures.png(), options=options).json()["id"]
    service.wait_for(job_id, "denoising")
    service.cancel(job_id)
    service.wait_for(job_id, "cancelled")
    assert service.client.delete(f"/jobs/{job_id}").status_code == 204
    assert not list((service.state / "inputs").glob(f"{job_id}*"))
