"""Requests that cannot be right are refused at once, with the field, the limit and the way out."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.answers import error_of
from tests.live import LiveService


def refused(service: LiveService, status: int = 422, **fields: Any) -> dict[str, str]:
    answer = service.client.post("/generate", json=fields)
    assert answer.status_code == status, answer.text
    return error_of(answer)


def test_an_unknown_field_is_named(service: LiveService) -> None:
    error = refused(service, prompt="x", lenght=5)
    assert error["param"] == "lenght"
    assert "duration" in error["hint"]


@pytest.mark.parametrize("prompt", ["", "   ", "\n"])
def test_a_prompt_says_something(service: LiveService, prompt: str) -> None:
    assert refused(service, prompt=prompt)["param"] == "prompt"


def test_a_prompt_is_required(service: LiveService) -> None:
    assert refused(service, seed=1)["param"] == "prompt"


def test_a_prompt_may_not_be_too_long_and_the_limit_is_named(service: LiveService) -> None:
    error = refused(service, prompt="a" * 10_000)
    assert error["param"] == "prompt"
    assert "5000" in error["message"]
    assert "10000" in error["message"]


def test_a_prompt_of_exactly_the_limit_is_taken(service: LiveService) -> None:
    job = service.finish(prompt="ã" * 5000)
    assert job["resolved"]["prompt"] == "ã" * 5000


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"resolution": "big"}, "resolution"),
        ({"resolution": "0x0"}, "resolution"),
        ({"resolution": "64x-48"}, "resolution"),
        ({"resolution": "99999x99999"}, "resolution"),
        ({"resolution": "1280x1280"}, "resolution"),
        ({"duration": 0}, "duration"),
        ({"duration": -1}, "duration"),
        ({"duration": 3000}, "duration"),
        ({"duration": "long"}, "duration"),
        ({"num_frames": 100_000}, "num_frames"),
        ({"fps": 239}, "fps"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"num_inference_steps": 0}, "num_inference_steps"),
        ({"num_inference_steps": 101}, "num_inference_steps"),
        ({"guidance_scale": 1000}, "guidance_scale"),
        ({"options": {"speed": 1}}, "options.speed"),
        ({"options": {"step_seconds": "x"}}, "options.step_seconds"),
        ({"options": []}, "options"),
        ({"prompt": "a\x00b"}, "prompt"),
        ({"prompt": ["x"]}, "prompt"),
    ],
)
def test_a_bad_value_names_its_field(
    service: LiveService, fields: dict[str, Any], param: str
) -> None:
    assert refused(service, **({"prompt": "x"} | fields))["param"] == param


def test_two_lengths_are_one_too_many(service: LiveService) -> None:
    assert "not both" in refused(service, prompt="x", duration=1, num_frames=9)["message"]


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b'{"prompt": "x", "duration": NaN}',
        b'{"prompt": "x", "guidance_scale": NaN}', b'{"prompt": "\\ud800"}', b"[" * 50_000,
        b'{"prompt": "x", "seed": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_what_is_no_request_is_422(service: LiveService, text: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = service.client.post("/generate", content=text, headers=headers)
    assert answer.status_code == 422
    error_of(answer)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", ""])
def test_another_content_type_is_415(service: LiveService, kind: str) -> None:
    headers = {"content-type": kind}
    answer = service.client.post("/generate", content=b'{"prompt": "x"}', headers=headers)
    assert answer.status_code == 415
    assert "application/json" in error_of(answer)["hint"]


def too_large(answer: httpx.Response) -> None:
    assert answer.status_code == 413
    assert "MAX_BODY_MB" in error_of(answer)["hint"]


def test_a_body_over_the_limit_is_413(service: LiveService) -> None:
    too_large(service.client.post("/generate", json={"prompt": "a" * 2_000_000}))


def test_a_body_over_the_limit_is_413_without_a_declared_length(service: LiveService) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b"a" * 65_536

    headers = {"content-type": "application/json"}
    too_large(service.client.post("/generate", content=chunks(), headers=headers))


def test_a_form_over_the_limit_is_413(service: LiveService) -> None:
    files = {"image": ("a.png", bytes(2_000_000), "image/png")}
    too_large(service.client.post("/generate", data={"prompt": "x"}, files=files))


def test_another_routes_body_over_its_own_small_limit_is_413(service: LiveService) -> None:
    answer = service.client.post("/unload", json={"force": "a" * 17_000})
    assert answer.status_code == 413
    assert "16 KB" in error_of(answer)["message"]


def test_a_bad_unload_body_names_its_field(service: LiveService) -> None:
    answer = service.client.post("/unload", json={"force": "sometimes"})
    assert answer.status_code == 422
    assert error_of(answer)["param"] == "force"


WRONG = ("", "x", "-1", "1.5", "9" * 40, "\x00", "x" * 6000)
THEIRS = ("Input should", "should be", "should have", "should match", "unable to", "Field required")


def test_every_parameter_is_refused_in_our_words(service: LiveService) -> None:
    """Every parameter of every route that can be wrong: named, with a way out, in our words."""
    met = set[str]()
    for path, methods in service.get("/openapi.json")["paths"].items():
        names = [one["name"] for one in methods.get("get", {}).get("parameters", ())]
        for name in names:
            for value in WRONG:
                answer = service.client.get(path.replace("{", "").replace("}", ""),
                                            params={name: value})  # fmt: skip
                if answer.status_code not in (400, 422):
                    continue
                error = answer.json()["error"]
                met.add(error["param"])
                assert error["param"] == name
                assert error["message"].startswith(f"{name}: ")
                assert not any(theirs in answer.text for theirs in THEIRS), answer.text
    assert met >= {"limit", "cursor", "state", "order", "step", "variant"}


@pytest.mark.parametrize("path", ["/unload", "/auth/session", f"/v1/videos/{'0' * 32}/remix"])
@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b'{"prompt": 5, "api_key": 5, "force": 5}'])
def test_every_small_body_is_refused_in_our_words(
    service: LiveService, path: str, body: bytes
) -> None:
    headers = {"content-type": "application/json"}
    answer = service.client.post(path, content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["error"]["param"]
    assert not any(theirs in answer.text for theirs in THEIRS), answer.text
    plain = service.client.post(path, content=b"{}", headers={"content-type": "text/plain"})
    assert not any(theirs in plain.text for theirs in THEIRS), plain.text
