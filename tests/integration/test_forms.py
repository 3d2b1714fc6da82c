"""Forms and JSON as browsers, curl and other programs really send them."""

import json
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest

from tests import films
from tests.integration import pictures
from tests.live import LiveService

NOTHING = ("", b"", "application/octet-stream")
"""A file input of a browser's form in which nothing was chosen."""
PICTURE = ("a.png", pictures.png(), "image/png")
URL = pictures.data_url()
PLACE = "input_reference"
JSON = {"content-type": "application/json"}
Part = tuple[str, Any]


def form(service: LiveService, path: str, *parts: Part, key: str | None = None) -> httpx.Response:
    """A form of these parts, in order; a text has no file name."""
    files = [(name, value if isinstance(value, tuple) else (None, value)) for name, value in parts]
    headers = {"Idempotency-Key": key} if key else {}
    return service.client.post(path, files=files, headers=headers)


def batch(**fields: Any) -> Part:
    return ("batch", json.dumps({"requests": [{"prompt": "x"}], "dry_run": True} | fields))


def param(answer: httpx.Response) -> str:
    assert answer.status_code in (400, 422), answer.text
    found: str = answer.json()["error"]["param"]
    return found


EMPTY = {
    "/generate": [
        *(("prompt", "x"), ("seed", ""), ("duration", ""), ("options", ""), ("preset", "")),
        *(("webhook_url", ""), ("generate_audio", ""), ("image", NOTHING), ("video", NOTHING)),
        *(("template", ""), ("variables", ""), ("negative_prompt", ""), ("priority", "")),
    ],
    "/v1/videos": [
        *(("prompt", "x"), ("model", ""), ("seconds", ""), ("size", ""), ("width", "")),
        *(("extra_body", ""), ("options[hold_mb]", ""), ("input_reference", NOTHING)),
        ("input_reference[image_url]", ""),
    ],
    "/generate/batch": [batch(), ("image", NOTHING), ("video", NOTHING)],
}


@pytest.mark.parametrize("path", EMPTY)
def test_what_is_empty_counts_as_left_out(service: LiveService, path: str) -> None:
    """Empty fields and unchosen files of every form are as if they had not been sent."""
    answer = form(service, path, *EMPTY[path])
    assert answer.is_success, answer.text
    if path == "/generate":
        assert answer.json()["requested"] == {"prompt": "x"}


def test_an_empty_field_that_nobody_knows_is_still_told(service: LiveService) -> None:
    assert param(form(service, "/generate", ("prompt", "x"), ("lenght", ""))) == "lenght"
    assert param(form(service, "/generate", ("prompt", "x"), ("cat", NOTHING))) == "cat"
    assert param(form(service, "/v1/videos", ("prompt", "x"), ("lenght", ""))) == "lenght"
    assert param(form(service, "/generate/batch", batch(), ("lenght", ""))) == "lenght"


def test_an_empty_file_that_has_a_name_is_an_empty_picture(service: LiveService) -> None:
    empty = ("a.png", b"", "image/png")
    assert param(form(service, "/generate", ("prompt", "x"), ("image", empty))) == "image"


@pytest.mark.parametrize(
    ("path", "parts", "name"),
    [
        ("/generate", [("prompt", "x"), ("seed", "1"), ("seed", "2")], "seed"),
        ("/generate", [("prompt", "x"), ("prompt", "x")], "prompt"),
        ("/generate", [("prompt", "x"), ("image", PICTURE), ("image", PICTURE)], "image"),
        ("/generate", [("prompt", "x"), ("image", PICTURE), ("image", URL)], "image"),
        ("/generate", [("prompt", "x"), ("options", '{"hold_mb": 1, "hold_mb": 2}')], "hold_mb"),
        ("/v1/videos", [("prompt", "x"), ("size", "64x48"), ("size", "96x64")], "size"),
        *(
            ("/v1/videos", [("prompt", "x"), (PLACE, PICTURE), second], PLACE)
            for second in (
                (PLACE, PICTURE), (f"{PLACE}[image_url]", URL), (PLACE, f'{{"image_url": "{URL}"}}')
            )
        ),
        ("/v1/videos", [("prompt", "x"), ("options[hold_mb]", "1"), ("options[hold_mb]", "2")],
         "options[hold_mb]"),
        ("/v1/videos", [("prompt", "x"), ("options[hold_mb]", "1"), ("options", "{}")], "options"),
        ("/v1/videos", [("prompt", "x"), ("seed", "1"), ("extra_body[seed]", "1")], "seed"),
        ("/generate/batch", [batch(), batch()], "batch"),
        ("/generate/batch", [batch(), ("image", PICTURE), ("image", PICTURE)], "image"),
    ],
)  # fmt: skip
def test_nothing_wins_silently_over_another(
    service: LiveService, path: str, parts: list[Part], name: str
) -> None:
    """What is said twice is refused by name, in whatever way it is said twice."""
    answer = form(service, path, *parts)
    assert param(answer) == name
    assert "twice" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "text", "name"),
    [
        ("/generate", '{"prompt": "x", "seed": 1, "seed": 2}', "seed"),
        ("/v1/videos", '{"prompt": "x", "seconds": 1, "seconds": 2}', "seconds"),
        ("/generate/batch", '{"requests": [{"prompt": "x", "prompt": "y"}]}', "prompt"),
        ("/unload", '{"force": false, "force": true}', "force"),
        ("/auth/session", '{"api_key": "a", "api_key": "b"}', "api_key"),
    ],
)
def test_a_name_stands_once_in_json_too(
    service: LiveService, path: str, text: str, name: str
) -> None:
    answer = service.client.post(path, content=text, headers=JSON)
    assert param(answer) == name
    assert "twice" in answer.json()["error"]["message"]


def nulls(service: LiveService, path: str) -> dict[str, None]:
    """Every field of a route's body."""
    document = service.get("/openapi.json")
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    schema = body["schema"]
    for name in (schema.get("$ref") or schema.get("anyOf", [{}])[0].get("$ref", "")).split("/")[
        -1:
    ]:
        schema = document["components"]["schemas"].get(name, schema)
    return dict.fromkeys(schema["properties"])


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/generate", {"prompt": "x"}),
        ("/v1/videos", {"prompt": "x"}),
        ("/generate/batch", {"requests": [{"prompt": "x"}]}),
        ("/unload", {}),
    ],
)
def test_null_is_the_same_as_left_out(
    service: LiveService, path: str, sent: dict[str, Any]
) -> None:
    """Every field that may be left out may be null, whatever its type, in every body."""
    answer = service.client.post(path, json=nulls(service, path) | sent)
    assert answer.is_success, answer.text
    if path == "/generate":
        assert answer.json()["requested"] == sent
    inner = {"options": {"hold_mb": None}, "variables": None, "priority": None, "dry_run": None}
    within = {"prompt": "x"} | inner
    assert service.client.post("/generate", json=within).status_code == 202
    assert service.client.post("/generate/batch", json={"requests": [within]}).status_code == 202
    v1 = {
        "prompt": "x",
        "seed": None,
        "extra_body": {"seed": 3, "size": None},
        "extra_params": None,
    }
    made = service.client.post("/v1/videos", json=v1).json()["id"]
    assert service.job(made)["resolved"]["seed"] == 3


def test_a_name_that_nobody_knows_is_told_even_where_it_is_null(service: LiveService) -> None:
    assert param(service.client.post("/generate", json={"prompt": "x", "lenght": None})) == "lenght"
    assert (
        param(service.client.post("/v1/videos", json={"prompt": "x", "lenght": None})) == "lenght"
    )
    assert param(service.client.post("/v1/videos", json={"prompt": None})) == "prompt"


@pytest.mark.parametrize("path", ["/generate", "/v1/videos"])
def test_a_line_ends_as_it_does_everywhere(service: LiveService, path: str) -> None:
    """The same words are the same request, whatever ends their lines on the way."""
    key = token_hex(8)
    first = form(
        service, path, ("prompt", "one\r\ntwo\rthree"), ("negative_prompt", "a\r\nb"), key=key
    )
    words = {"prompt": "one\ntwo\nthree", "negative_prompt": "a\nb"}
    again = service.client.post(path, json=words, headers={"Idempotency-Key": key})
    assert again.json()["id"] == first.json()["id"]
    resolved = service.job(first.json()["id"])["resolved"]
    assert {name: resolved[name] for name in words} == words


def test_variables_have_lines_too(service: LiveService) -> None:
    text = json.dumps({"product": "a\r\nb"})
    answer = form(service, "/generate", ("template", "product-shot"), ("variables", text))
    assert "a\nb" in answer.json()["resolved"]["prompt"]


@pytest.mark.parametrize("path", ["/generate", "/v1/videos", "/generate/batch", "/unload"])
def test_a_mark_in_front_of_json_is_no_matter(service: LiveService, path: str) -> None:
    """The byte order mark of Windows, wherever JSON is read: bodies, and fields of forms."""
    text = {"/unload": "{}", "/generate/batch": '{"prompts": ["x"]}'}.get(path, '{"prompt": "x"}')
    answer = service.client.post(path, content=b"\xef\xbb\xbf" + text.encode(), headers=JSON)
    assert answer.is_success, answer.text
    options = ("options", "\ufeff" + '{"hold_mb": 1}')
    assert form(service, "/generate", ("prompt", "x"), options).status_code == 202


def test_json_that_is_none_says_where_it_breaks(service: LiveService) -> None:
    said = {
        b'{"prompt": "x",}': "line 1, column 16",
        b'{"prompt": "x",\n "seed": NaN}': "line 2, column 10",
        b'{"prompt": "\xff"}': "line 1, column 13",
        b'{"prompt": "\\ud800"}': "line 1, column",
        b'{"seed": ' + b"9" * 5000 + b"}": "line 1, column",
        b'{"\\ud800": 1, "\\ud800": 2}': "twice",
        b'{"\\ud800": 1}': "line 1, column",
        b"[" * 300: "nested",
    }
    for text, words in said.items():
        for path in ("/generate", "/v1/videos", "/unload"):
            answer = service.client.post(path, content=text, headers=JSON)
            assert answer.status_code in (400, 422), answer.text
            assert words in answer.json()["error"]["message"], (path, text[:40])
    assert param(service.client.post("/generate", content=b"", headers=JSON)) is None
    deep = form(service, "/generate", ("prompt", "x"), ("options", "[" * 300))
    assert (deep.status_code, "nested" in deep.text) == (422, True)


@pytest.mark.parametrize("kind", ["application/octet-stream", "video/mp4", "text/plain", None])
def test_a_picture_is_one_by_its_bytes(service: LiveService, kind: str | None) -> None:
    """Content tells pictures from videos; the type that a client writes is no more than a hint."""
    file = ("cat", pictures.png(), kind) if kind else ("cat", pictures.png())
    answer = form(service, "/v1/videos", ("prompt", "x"), ("input_reference", file))
    assert answer.is_success, answer.text
    assert service.job(answer.json()["id"])["requested"]["image"] == "png 64x48"


@pytest.mark.parametrize("kind", ["application/octet-stream", "image/png", "video/mp4"])
def test_a_video_is_one_by_its_bytes(service: LiveService, tmp_path: Path, kind: str) -> None:
    data = films.film(tmp_path / "a.mp4").read_bytes()
    answer = form(service, "/v1/videos", ("prompt", "x"), ("input_reference", ("cat", data, kind)))
    assert answer.json()["error"]["code"] == "unresolvable", "this model continues none"
