"""``Idempotency-Key``: a request that is sent again makes no second job."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.integration import pictures
from tests.integration.answers import error_of
from tests.integration.openai_client import openai_client
from tests.integration.test_routes import LONG
from tests.live import LiveService

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

REPLAYED = "idempotent-replayed"


@pytest.fixture
def key() -> str:
    return token_hex(8)


@pytest.fixture
def openai(service: LiveService) -> Iterator[OpenAI]:
    with openai_client(service) as client:
        yield client


def post(service: LiveService, key: str, **body: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    return service.client.post("/generate", json={"prompt": "x", **body}, headers=headers)


def test_a_repeated_request_gets_the_first_job(service: LiveService, key: str) -> None:
    first, again = post(service, key), post(service, key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["location"] == f"/jobs/{first.json()['id']}"
    assert (REPLAYED in first.headers, again.headers.get(REPLAYED)) == (False, "true")


def test_it_is_the_same_request_however_it_is_written(service: LiveService, key: str) -> None:
    first = post(service, key, num_inference_steps=2, priority="normal", dry_run=False)
    headers = {"Idempotency-Key": key}
    form = {"num_inference_steps": (None, "2"), "prompt": (None, "x")}
    again = service.client.post("/generate", files=form, headers=headers)
    assert again.json()["id"] == first.json()["id"]


def test_a_picture_counts_by_its_content(service: LiveService, key: str) -> None:
    headers, picture = {"Idempotency-Key": key}, pictures.png()
    first = service.client.post(
        "/generate", data={"prompt": "x"}, files={"image": ("a.png", picture)}, headers=headers
    )
    text = base64.b64encode(picture).decode()
    assert post(service, key, image=text).json()["id"] == first.json()["id"]
    other = base64.b64encode(pictures.png(width=80)).decode()
    assert post(service, key, image=other).status_code == 422
    assert post(service, key).status_code == 422


@pytest.mark.parametrize("path", ["/generate", "/v1/videos"])
def test_a_job_that_it_names_may_be_gone(service: LiveService, key: str, path: str) -> None:
    source = service.finish(num_frames=9)["id"]
    headers = {"Idempotency-Key": key}
    lent = {"image": {"job": source}} if path == "/generate" else {"extend": source}
    body = {"prompt": "x", **lent}
    first = service.client.post(path, json=body, headers=headers).json()
    service.wait_for(first["id"], "completed")
    assert service.client.delete(f"/jobs/{source}").is_success
    again = service.client.post(path, json=body, headers=headers)
    assert (again.json().get("id"), again.headers.get(REPLAYED)) == (first["id"], "true")
    other = service.client.post(path, json=body | {"prompt": "y"}, headers=headers)
    assert other.json()["error"]["code"] == "idempotency_key_reused"
    dry = service.client.post("/generate", json=body | {"dry_run": True}, headers=headers)
    assert error_of(dry)["code"] == "job_not_found"


def test_another_request_with_the_key_is_refused(service: LiveService, key: str) -> None:
    post(service, key)
    answer = post(service, key, prompt="y")
    assert answer.status_code == 422
    error = error_of(answer)
    assert (error["code"], error["param"]) == ("idempotency_key_reused", "Idempotency-Key")


def test_refused_requests_use_up_no_key(service: LiveService, key: str) -> None:
    assert post(service, key, resolution="9999x16").status_code == 422
    assert post(service, key).status_code == 202


def test_the_answer_of_a_deleted_job_is_a_conflict(service: LiveService, key: str) -> None:
    job_id = post(service, key).json()["id"]
    service.wait_for(job_id, "completed")
    assert service.client.delete(f"/jobs/{job_id}").status_code == 204
    answer = post(service, key)
    assert answer.status_code == 409
    assert "deleted" in error_of(answer)["message"]
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("bad", ["", "a b", "é".encode(), "x" * 256])
def test_a_bad_key_is_named(service: LiveService, bad: str | bytes) -> None:
    headers = [(b"Idempotency-Key", bad.encode() if isinstance(bad, str) else bad)]
    answer = service.client.post("/generate", json={"prompt": "x"}, headers=headers)
    assert answer.status_code == 422
    assert error_of(answer)["param"] == "Idempotency-Key"


def test_a_dry_run_uses_up_no_key(service: LiveService, key: str) -> None:
    assert post(service, key, dry_run=True).status_code == 200
    assert post(service, key, dry_run=True).status_code == 200
    answer = post(service, key)
    assert (answer.status_code, REPLAYED in answer.headers) == (202, False)


def test_many_at_once_make_one_job(service: LiveService, key: str) -> None:
    before = len(service.jobs())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(service, key), range(8)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert len(service.jobs()) == before + 1


def test_a_key_survives_the_death_of_the_service(fleet: Any, key: str) -> None:
    service = fleet.start()
    job_id = post(service, key, **LONG).json()["id"]
    service.kill()
    service.restart()
    again = post(service, key, **LONG)
    assert (again.json()["id"], again.headers[REPLAYED]) == (job_id, "true")
    assert post(service, key).status_code == 422
    assert len(service.jobs()) == 1


def test_a_full_queue_still_answers_a_repeated_request(fleet: Any, key: str) -> None:
    service = fleet.start(max_queue=1)
    job_id = post(service, key, **LONG).json()["id"]
    assert post(service, token_hex(8), **LONG).status_code == 429
    assert post(service, key, **LONG).json()["id"] == job_id


def test_clients_of_openai_have_it_too(openai: OpenAI, service: LiveService, key: str) -> None:
    headers = {"Idempotency-Key": key}
    first = openai.videos.create(prompt="x", extra_headers=headers)
    raw = openai.videos.with_raw_response.create(prompt="x", extra_headers=headers)
    assert raw.parse().id == first.id
    assert raw.headers[REPLAYED] == "true"
    assert post(service, key).json()["id"] == first.id, "the same wish in our own words"
    answer = service.client.post("/v1/videos", json={"prompt": "y"}, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "idempotency_key_reused"


def test_who_waits_for_the_file_gets_the_same_one(service: LiveService, key: str) -> None:
    headers = {"Idempotency-Key": key}
    first, again = (
        service.client.post("/v1/videos/sync", json={"prompt": "x"}, headers=headers)
        for _ in range(2)
    )
    assert first.headers["x-request-id"] == again.headers["x-request-id"]
    assert first.content == again.content
    assert (REPLAYED in first.headers, again.headers.get(REPLAYED)) == (False, "true")


def test_a_remix_is_made_once(openai: OpenAI, service: LiveService, key: str) -> None:
    source = openai.videos.create_and_poll(prompt="x")
    headers = {"Idempotency-Key": key}
    one, two = (openai.videos.remix(source.id, prompt="y", extra_headers=headers) for _ in range(2))
    assert one.id == two.id != source.id
    path = f"/v1/videos/{source.id}/remix"
    other = service.client.post(path, json={"prompt": "z"}, headers=headers)
    assert other.status_code == 400
