"""Whatever comes as a body is bounded: in bytes, in time, in shape and in how it is encoded."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.disks import mounted
from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until
from tests.sockets import FORM, JSON, Answer, ask, connect, form, head, post, read, say

MIB = 1024**2
PROMPT = ('name="prompt"', b"x")
DEEP = b"[" * 100_000


@pytest.fixture
def hurried(fleet: Fleet) -> LiveService:
    """A service with a second's patience."""
    return fleet.start(client_seconds=1)


def upload(size: int) -> bytes:
    return form(PROMPT, ('name="image"; filename="a.png"', b"x" * size))


# Bytes


def _routes(service: LiveService) -> Iterator[str]:
    described = service.get("/openapi.json")["paths"]
    for path, methods in described.items():
        if "requestBody" in methods.get("post", {}):
            yield path.replace("{", "").replace("}", "")


def test_every_route_that_reads_a_body_has_a_limit_and_names_it(service: LiveService) -> None:
    """A body without a bound: told by its declared length alone, and no byte of it is read."""
    paths = list(_routes(service))
    assert {"/auth/session", "/generate", "/unload"} <= set(paths)
    for path in paths:
        answer = ask(service, head(path, 10**12))
        assert answer.status == 413, path
        assert "The body is over" in answer.error["message"], path


@pytest.mark.parametrize(("path", "least"), [("/auth/session", "16 KB"), ("/unload", "16 KB")])
def test_a_small_body_stays_small_without_a_declared_length(
    service: LiveService, path: str, least: str
) -> None:
    """A body without a bound, where the open routes took 64 MB."""
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    answer = ask(service, head(path) + chunk * 2)
    assert answer.status == 413
    assert least in answer.error["message"]


def test_a_remix_takes_the_longest_prompt_as_any_client_writes_it(service: LiveService) -> None:
    """A bound that is too small: 5,000 characters of the rarest kind, escaped, are 60 KB."""
    source = service.finish()["id"]
    answer = service.client.post(
        f"/v1/videos/{source}/remix",
        content=json.dumps({"prompt": "\U0001f3a5" * 5000}),
        headers={"content-type": JSON},
    )
    assert answer.status_code == 200, answer.text


def _stalled(stack: ExitStack, service: LiveService, *sources: str) -> None:
    """An upload of 1.5 MB from each address, but for its last bytes."""
    body = upload(MIB + MIB // 2)
    for source in sources:
        opened = stack.enter_context(connect(service, source))
        opened.sendall(head("/generate", len(body), FORM) + body[:-10])


def _refused(service: LiveService, source: str) -> Answer | None:
    """What an address is told that only says how much it would send; None where it may."""
    with connect(service, source) as opened:
        opened.sendall(head("/generate", MIB + MIB // 2, FORM))
        opened.settimeout(0.2)
        try:
            return read(opened)
        except TimeoutError:
            return None


def _taken(service: LiveService, source: str) -> bool:
    """Whether an upload is read: what is refused is the picture, which is none."""
    body = upload(MIB + MIB // 2)
    return ask(service, head("/generate", len(body), FORM) + body, source).status == 422


def test_a_callers_bodies_are_bounded_in_sum_and_others_go_on(fleet: Fleet) -> None:
    """Bodies without a bound in sum: who takes all is told so, and the next one is served."""
    service = fleet.start(max_body_mb=2, max_uploads_mb=4)
    with ExitStack() as stack:
        _stalled(stack, service, "127.0.0.1")
        refused = wait_until(lambda: _refused(service, "127.0.0.1"), what="it has come")
        assert refused.status == 503
        assert refused.error["code"] == "bodies_under_way"
        assert "MAX_UPLOADS_MB" in refused.error["hint"]
        assert "retry-after: " in refused.head
        assert _taken(service, "127.0.0.2")
        assert service.submit()  # a plain request needs no place
    wait_until(lambda: _taken(service, "127.0.0.1"), what="the place is free")


def test_all_bodies_are_bounded_in_sum(fleet: Fleet) -> None:
    """Bodies without a bound in sum, of many callers who each stay within their own."""
    service = fleet.start(max_body_mb=2, max_uploads_mb=4)
    with ExitStack() as stack:
        _stalled(stack, service, "127.0.0.2", "127.0.0.3")
        refused = wait_until(lambda: _refused(service, "127.0.0.4"), what="they have come")
        assert refused.status == 503
        assert "4 MB of uploads are under way" in refused.error["message"]


# Time


@pytest.mark.parametrize("path", ["/auth/session", "/generate", "/v1/videos"])
def test_a_body_that_stalls_is_told_so(hurried: LiveService, path: str) -> None:
    """A body without an end in time."""
    with connect(hurried) as opened:
        answer = say(opened, head(path, 1000) + b'{"prompt":')
        assert answer.status == 408, answer
        assert answer.error["code"] == "slow_body"
        assert "CLIENT_SECONDS" in answer.text
        wait_until(lambda: opened.recv(1) == b"", what="it is closed")


def test_a_body_that_drips_is_told_so(hurried: LiveService) -> None:
    """A body without an end in time, though there is always something of it."""
    with connect(hurried) as opened:
        opened.sendall(head("/generate", 50_000))
        opened.settimeout(0.1)
        assert wait_until(lambda: _dripped(opened), what="an answer") == b"HTTP/1.1 408"


def _dripped(opened: socket.socket) -> bytes:
    try:
        opened.sendall(b" ")
        return opened.recv(12)
    except TimeoutError:
        return b""


def test_a_slow_body_of_an_honest_client_is_taken(fleet: Fleet) -> None:
    """A deadline that is too hard: what keeps the pace may take many times the patience."""
    service = fleet.start(client_seconds=0.4)
    body = json.dumps({"prompt": "x"}).encode() + b" " * 100_000
    with connect(service) as opened:
        opened.sendall(head("/generate", len(body)))
        opened.settimeout(0.05)
        for start in range(0, len(body), 4_000):
            opened.sendall(body[start : start + 4_000])
            assert start + 4_000 >= len(body) or _unanswered(opened)
        opened.settimeout(30)
        assert read(opened).status == 202


def _unanswered(opened: socket.socket) -> bool:
    """Whether no answer comes for a twentieth of a second."""
    try:
        return not opened.recv(1)
    except TimeoutError:
        return True


# Shape


@pytest.mark.parametrize("path", ["/generate", "/v1/videos", "/generate/batch"])
@pytest.mark.parametrize(
    "text",
    [b"[]," * 300_000, DEEP, b'{"options":' + b'{"a":' * 50_000, b'{"a":"",' * 30_000],
    ids=["wide", "deep", "deep objects", "many members"],
)
def test_json_is_bounded_in_depth_and_values(service: LiveService, path: str, text: bytes) -> None:
    """JSON that costs a thousand times its size, or ends a recursive parser."""
    answer = post(service, path, text)
    assert answer.status in (400, 422), answer
    assert "The JSON" in answer.error["message"]


@pytest.mark.parametrize(
    ("path", "field"),
    [("/generate", "options"), ("/generate", "variables"), ("/v1/videos", "extra_body"),
     ("/v1/videos", "options"), ("/generate/batch", "batch")],
)  # fmt: skip
@pytest.mark.parametrize("text", [DEEP, b'{"a":' * 50_000, b"9" * 5000, b"[" + b"1," * 30_000])
def test_json_in_a_form_is_bounded_likewise(
    service: LiveService, path: str, field: str, text: bytes
) -> None:
    """JSON that ends a parser, where it comes inside of another encoding (was a 500)."""
    answer = post(service, path, form(PROMPT, (f'name="{field}"', text)), FORM)
    assert answer.status in (400, 422), answer


def test_brackets_and_commas_of_prompts_are_no_values(service: LiveService) -> None:
    """A bound that is too tight: a batch of prompts full of what JSON is written with."""
    requests = [{"prompt": r'[{,"\\' * 700, "dry_run": True}] * 20
    answer = service.client.post("/generate/batch", json={"requests": requests, "dry_run": True})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "body",
    [
        form(*[(f'name="f{n}"', b"x") for n in range(100)]),
        form(*[(f'name="i"; filename="{n}"', b"x") for n in range(6)]),
        form(('name="prompt"', b"x" * (MIB - 10_000)), ('name="image"', b"y" * 20_000)),
        form(PROMPT, end=b""),
        form(('name="prompt"', b"A\xe7\xe3o")),
    ],
    ids=["parts", "files", "text", "cut off", "latin-1"],
)
def test_a_form_is_bounded_and_whole(service: LiveService, body: bytes) -> None:
    """Forms of very many parts or of much text, and forms that were cut off."""
    answer = post(service, "/generate", body, FORM)
    assert answer.status in (413, 422), answer
    assert answer.error["hint"]


# Encoding


@pytest.mark.parametrize("charset", ["punycode", "undefined", "utf-16", "utf-7", "idna", "zlib"])
@pytest.mark.parametrize("path", ["/generate", "/v1/videos", "/auth/session"])
@pytest.mark.parametrize("kind", [JSON, FORM])
def test_a_sender_chooses_no_charset(
    service: LiveService, path: str, kind: str, charset: str
) -> None:
    """A sender's parameter that chooses an algorithm: text codecs, some of them quadratic."""
    body = form(PROMPT) if kind == FORM else b'{"prompt": "x", "api_key": "x"}'
    answer = post(service, path, body, f"{kind}; charset={charset}")
    assert answer.status == 415, answer
    assert "UTF-8" in answer.text


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (415, "Content-Type: text/plain; charset=punycode"),
        (415, "Content-Transfer-Encoding: base64"),
        (202, "Content-Type: text/plain; charset=UTF-8"),
        (202, "Content-Transfer-Encoding: 8bit"),
    ],
)
def test_nor_for_a_part(service: LiveService, status: int, line: str) -> None:
    """A sender's parameter that chooses an algorithm, inside of a form."""
    part = f'--b\r\nContent-Disposition: form-data; name="prompt"\r\n{line}\r\n\r\nx\r\n--b--\r\n'
    assert post(service, "/generate", part.encode(), FORM).status == status


@pytest.mark.parametrize("packing", ["gzip", "br", "deflate, gzip", "zstd"])
def test_nor_a_packing(service: LiveService, packing: str) -> None:
    """A sender's parameter that chooses an algorithm: what is not unpacked is not taken as text."""
    answer = post(service, "/generate", b'{"prompt": "x"}', content_encoding=packing)
    assert answer.status == 415


@pytest.mark.parametrize("boundary", ["", "x" * 71, "x" * 5000])
def test_a_boundary_has_a_length(service: LiveService, boundary: str) -> None:
    """A sender's parameter that makes work: what each byte of a form is compared with."""
    kind = f"multipart/form-data; boundary={boundary}"
    assert post(service, "/generate", form(PROMPT), kind).status in (415, 422)


# The temporary folder


def test_a_full_temporary_folder_is_named(fleet: Fleet, tmp_path: Path) -> None:
    """A disk that uploads fill: 507 in words, where another user's upload got 500."""
    with mounted(tmp_path / "temporary", "size=1m") as folder:
        service = fleet.prepare(tmpdir=folder)
        service.start()
        (folder / "full").write_bytes(bytes(MIB - 64 * 1024))
        answer = post(service, "/generate", upload(500_000), FORM)
        assert answer.status == 507, answer
        assert "TMPDIR" in answer.error["hint"]
        (folder / "full").unlink()
        assert post(service, "/generate", upload(400_000), FORM).status == 422
        service.stop()


def test_stalled_uploads_leave_room_for_another_user(fleet: Fleet, tmp_path: Path) -> None:
    """A disk that one caller fills: half of it is the others'."""
    with mounted(tmp_path / "temporary", "size=4m") as folder:
        service = fleet.prepare(tmpdir=folder, max_body_mb=2)
        service.start()
        with ExitStack() as stack:
            _stalled(stack, service, "127.0.0.1")
            wait_until(lambda: _refused(service, "127.0.0.1"), what="it has come")
            _stalled(stack, service, "127.0.0.1", "127.0.0.1")
            assert _taken(service, "127.0.0.2")
        service.stop()
