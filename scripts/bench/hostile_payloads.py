"""What strangers send: requests that are cheap to make, and dear to read."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scripts.bench import hostile_files as files
from scripts.service_process import HOST

MILLION = 1_000_000
LARGE = 57 * MILLION
"""Bytes, a little below MAX_BODY_MB."""
DEEP = 100_000
DIGITS = 5000
DRY = {"prompt": "a bar", "dry_run": True}
"""Nothing here is meant to be made: a full queue would be a refusal of another kind."""
_BOUNDARY = "hostile"


@dataclass(frozen=True)
class Payload:
    """One request, as bytes to be sent one after the other."""

    name: str
    parts: tuple[bytes, ...]


def payloads(job: str) -> list[Payload]:
    """Every kind once; ``job`` is one that has ended, for the routes that need one."""
    made = [*_large(), *_deep(), *_odd(job), *_pictures(), *_videos()]
    return [Payload(name, parts) for name, parts in made]


Made = tuple[str, tuple[bytes, ...]]


def _large() -> Iterator[Made]:
    """Bodies that grow when they are read."""
    lists = b'{"prompt":"a","options":[' + b"[]," * (LARGE // 3) + b"[]]}"
    for path in ("/generate", "/auth/session", "/v1/videos", "/generate/batch"):
        yield f"57 MB of [], to {path}", _json(path, lists)
    spaced = b"A A A A " * (LARGE // 16)
    yield "base64 with a space in every two letters", _json(*_with_image(spaced))
    yield "base64 of nothing but spaces", _json(*_with_image(b" " * LARGE))
    yield "100,000 parts in a form", _form("/generate", *[(f"a{n}", "x") for n in range(DEEP)])
    keys = ",".join(f'"k{number}":{number}' for number in range(MILLION)).encode()
    yield "a million keys", _json("/generate", b'{"prompt":"a","options":{' + keys + b"}}")
    yield "a prompt of 20 MB", _json("/generate", b'{"prompt":"' + b"a" * 20 * MILLION + b'"}')
    many = b"[" + b'{"prompt":"a"},' * MILLION + b'{"prompt":"a"}]'
    yield "a million requests", _json("/generate/batch", b'{"requests":' + many + b"}")


def _deep() -> Iterator[Made]:
    nested, objects = "[" * DEEP, '{"a":' * DEEP
    yield "deep options in a form", _form("/generate", ("prompt", "a"), ("options", nested))
    yield "deep objects in a form", _form("/generate", ("prompt", "a"), ("options", objects))
    yield "deep variables", _form("/generate", ("prompt", "a"), ("variables", nested))
    yield "deep JSON", _json("/generate", nested.encode())
    yield "deep extra_body", _form("/v1/videos", ("prompt", "a"), ("extra_body", nested))
    yield "deep JSON to /v1", _json("/v1/videos", objects.encode())
    yield "a number of 100,000 digits", _json("/generate", b'{"prompt":"a","seed":' + b"9" * DEEP)


def _odd(job: str) -> Iterator[Made]:
    """Where a word in a header chooses what the reader does."""
    for charset in ("punycode", "undefined", "utf-7", "idna", "base64"):
        kind = f"multipart/form-data; boundary={_BOUNDARY}; charset={charset}"
        text = _form_body(("prompt", "aé-" * DEEP))
        yield f"a form in {charset}", _request("/generate", text, kind)
    same = "-" * 70
    body = (f"--{same}\r\n" * (MILLION // 70)).encode()
    yield (
        "a boundary of dashes",
        _request("/generate", body, f"multipart/form-data; boundary={same}"),
    )
    head = (
        f"Content-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: {DIGITS}\r\n"
    )
    yield "a compressed body", (_head("POST", "/generate", head), bytes(DIGITS))
    events = f"/jobs/{job}/events"
    yield (
        "Last-Event-ID of 5,000 digits",
        (_head("GET", events, f"Last-Event-ID: {'9' * DIGITS}\r\n"),),
    )
    yield (
        "5,000 digits in a range",
        (_head("GET", f"/jobs/{job}/download", f"Range: bytes={'9' * DIGITS}-\r\n"),),
    )
    yield (
        "100 ranges",
        (_head("GET", f"/jobs/{job}/download", f"Range: bytes={','.join(['0-'] * 100)}\r\n"),),
    )
    yield "a header that is not ASCII", (_head("GET", "/jobs", "X-API-Key: \xff\xfe\r\n"),)
    yield "5,000 digits in a query", (_head("GET", f"/jobs?limit={'9' * DIGITS}", ""),)


def _pictures() -> Iterator[Made]:
    for name, data in (
        ("a JPEG of 2,300 scans", files.endless_jpeg()),
        ("a PNG of 900 megapixels", files.png(30_000, 1, 0, 1)),
        ("a PNG of 49 megapixels in 16 bit", files.png(files.SIDE, 16, 6, 64)),
        ("a GIF of 20,000 frames", files.endless_gif()),
    ):
        yield name, _upload("image", data)
    encoded = base64.b64encode(files.endless_jpeg()).decode()
    reference = json.dumps({"image_url": f"data:image/jpeg;base64,{encoded}"})
    sent = {"prompt": "a", "input_reference": json.loads(reference)}
    yield "2,300 scans to /v1", _json("/v1/videos", json.dumps(sent).encode())


def _videos() -> Iterator[Made]:
    yield "an MP4 of 20 million samples", _upload("video", files.endless_mp4())
    yield "eight such tracks", _upload("video", files.endless_mp4(8))
    noise = files.endless_mp4()[:400] + bytes(range(256)) * 40_000
    yield "10 MB of a damaged MP4", _upload("video", noise)


def _with_image(text: bytes) -> tuple[str, bytes]:
    return "/generate", b'{"prompt":"a","dry_run":true,"image":"' + text + b'"}'


def form(path: str, fields: Mapping[str, object], **files: bytes) -> bytes:
    """The bytes of a POST of a form with files."""
    lines = '--{}\r\nContent-Disposition: form-data; name="{}"; filename="f"\r\n\r\n'
    body = _form_body(*[(name, _text(value)) for name, value in fields.items()], end=False)
    for name, data in files.items():
        body += lines.format(_BOUNDARY, name).encode() + data + b"\r\n"
    kind = f"multipart/form-data; boundary={_BOUNDARY}"
    return b"".join(_request(path, body + f"--{_BOUNDARY}--\r\n".encode(), kind))


def _upload(field: str, data: bytes) -> tuple[bytes, ...]:
    return (form("/generate", DRY, **{field: data}),)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _form(path: str, *fields: tuple[str, str]) -> tuple[bytes, ...]:
    return _request(path, _form_body(*fields), f"multipart/form-data; boundary={_BOUNDARY}")


def _form_body(*fields: tuple[str, str], end: bool = True) -> bytes:
    part = '--{}\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    text = "".join(part.format(_BOUNDARY, name, value) for name, value in fields)
    return (text + (f"--{_BOUNDARY}--\r\n" if end else "")).encode()


def _json(path: str, body: bytes) -> tuple[bytes, ...]:
    return _request(path, body, "application/json")


def _request(path: str, body: bytes, kind: str) -> tuple[bytes, ...]:
    headers = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return _head("POST", path, headers), body


def _head(method: str, path: str, headers: str) -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n".encode("latin-1")
