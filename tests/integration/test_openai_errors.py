"""Requests below /v1 that cannot be right: OpenAI's envelope, their names, and the way out."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.integration import pictures
from tests.integration.openai_client import openai_client
from tests.integration.test_routes import LONG, UNKNOWN
from tests.live import LiveService

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


@pytest.fixture
def client(service: LiveService) -> Iterator[openai.OpenAI]:
    with openai_client(service) as client:
        yield client


def envelope(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The body of an error, which has the one shape that all have below /v1."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"]
    error: dict[str, Any] = body["error"]
    return error


def refused(service: LiveService, **fields: Any) -> dict[str, Any]:
    return envelope(service.client.post("/v1/videos", json={"prompt": "x"} | fields), 400)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "  "}, "prompt"),
        ({"prompt": "x" * 5001}, "prompt"),
        ({"seconds": "0"}, "seconds"),
        ({"seconds": "long"}, "seconds"),
        ({"seconds": "3000"}, "seconds"),
        ({"size": "big"}, "size"),
        ({"size": "99999x99999"}, "size"),
        ({"size": "64x48", "width": 64, "height": 48}, "size"),
        ({"width": 64}, "height"),
        ({"width": 50_000, "height": 48}, "size"),
        ({"seconds": 1, "num_frames": 9}, "seconds"),
        ({"num_frames": 5000}, "num_frames"),
        ({"fps": 239}, "fps"),
        ({"seed": -1}, "seed"),
        ({"num_inference_steps": 1000}, "num_inference_steps"),
        ({"guidance_scale": 1000}, "guidance_scale"),
        ({"flow_shift": 3}, "flow_shift"),
        ({"options": {"speed": 1}}, "options.speed"),
        ({"options": []}, "options"),
        ({"lenght": 4}, "lenght"),
        ({"duration": 4}, "duration"),
        ({"image": "x"}, "image"),
        ({"video": "x"}, "video"),
        ({"input_reference": {"image_url": "https://example.com/cat.png"}}, "input_reference"),
        ({"input_reference": {"image_url": "data:image/png;base64,AAAA"}}, "input_reference"),
        ({"input_reference": {"file_id": "file-1"}}, "input_reference.image_url"),
        ({"extra_body": {"speed": 1}}, "speed"),
        ({"extra_params": 5}, "extra_params"),
        ({"seed": 1, "extra_body": {"seed": 2}}, "seed"),
    ],
)
def test_a_bad_value_names_its_field(
    service: LiveService, fields: dict[str, Any], param: str
) -> None:
    error = refused(service, **fields)
    assert (error["param"], error["type"]) == (param, "invalid_request_error")


def test_messages_speak_of_their_fields(service: LiveService) -> None:
    assert refused(service, seconds=3000)["message"].startswith("seconds is out of range")
    assert refused(service, size="9999x9999")["message"].startswith("size 9999x9999")
    assert "generate_sound" not in refused(service, lenght=1)["message"].split("fields are")[0]
    assert "input_reference" in refused(service, lenght=1)["message"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 50_000,
                                  b'{"prompt": "x", "seconds": NaN}'])  # fmt: skip
def test_what_is_no_request_is_400(service: LiveService, text: bytes) -> None:
    headers = {"content-type": "application/json"}
    envelope(service.client.post("/v1/videos", content=text, headers=headers), 400)


def test_the_client_raises_what_its_users_expect(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        client.videos.create(prompt="x", seconds="3000")  # type: ignore[arg-type]
    assert (bad.value.param, bad.value.code) == ("seconds", "unresolvable")
    with pytest.raises(openai.BadRequestError) as unknown:
        client.videos.create(prompt="x", extra_body={"speed": 2})
    assert (unknown.value.param, unknown.value.code) == ("speed", "invalid_request")
    with pytest.raises(openai.NotFoundError) as model:
        client.videos.create(prompt="x", model="sora-2")
    assert (model.value.param, model.value.code) == ("model", "model_not_found")
    with pytest.raises(openai.BadRequestError) as variant:
        client.videos.download_content(UNKNOWN, variant="poster")  # type: ignore[arg-type]
    assert variant.value.param == "variant"
    with pytest.raises(openai.BadRequestError) as limit:
        client.videos.list(limit=0)
    assert limit.value.param == "limit"


def test_what_does_not_exist_is_not_found(client: openai.OpenAI) -> None:
    for call in (
        lambda: client.videos.retrieve(UNKNOWN),
        lambda: client.videos.delete(UNKNOWN),
        lambda: client.videos.download_content(UNKNOWN),
        lambda: client.videos.remix(UNKNOWN, prompt="x"),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            call()
        assert caught.value.code == "job_not_found"


def test_a_bad_picture_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.videos.create(prompt="x", input_reference=("a.png", b"hello", "image/png"))
    assert caught.value.param == "input_reference"


def test_a_video_is_refused_where_none_is_continued(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.videos.create(prompt="x", input_reference=("a.mp4", b"hello", "video/mp4"))
    assert (caught.value.param, caught.value.code) == ("input_reference", "unresolvable")


def test_a_form_says_once_where_it_begins_and_under_the_right_name(service: LiveService) -> None:
    file = ("a.png", pictures.png(), "image/png")
    fields = {"prompt": "x", "input_reference": '{"image_url": "data:,"}'}
    twice = service.client.post("/v1/videos", data=fields, files={"input_reference": file})
    assert "twice" in envelope(twice, 400)["message"]
    wrong = service.client.post("/v1/videos", data={"prompt": "x"}, files={"image": file})
    assert envelope(wrong, 400)["param"] == "image"


def test_a_full_queue_is_a_rate_limit(client: openai.OpenAI, service: LiveService) -> None:
    for _ in range(20):
        service.submit(**LONG)
    with pytest.raises(openai.RateLimitError) as caught:
        client.videos.create(prompt="one more")
    assert (caught.value.type, caught.value.code) == ("rate_limit_error", "queue_full")
    assert int(caught.value.response.headers["retry-after"]) > 0


def test_a_conflict_is_not_asked_for_again(service: LiveService) -> None:
    job_id = service.submit(**LONG)
    answer = service.client.delete(f"/v1/videos/{job_id}")
    assert envelope(answer, 409)["code"] == "job_conflict"
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", "/v1", 404),
        ("GET", "/v1/no/such/route", 404),
        ("PUT", "/v1/videos", 405),
        ("POST", "/v1/videos", 415),
        ("GET", "/v1/videos?order=sideways", 400),
        ("POST", f"/v1/videos/{UNKNOWN}/remix", 400),
    ],
)
def test_every_error_has_the_envelope(
    service: LiveService, verb: str, path: str, status: int
) -> None:
    envelope(service.client.request(verb, path), status)


def test_a_body_over_the_limit_has_the_envelope(service: LiveService) -> None:
    answer = service.client.post("/v1/videos", json={"prompt": "a" * 2_000_000})
    assert "MAX_BODY_MB" in envelope(answer, 413)["message"]


def test_other_routes_keep_their_own(service: LiveService) -> None:
    assert "hint" in service.client.get("/v1x").json()["error"]
    assert service.client.post("/generate", json={}).status_code == 422
