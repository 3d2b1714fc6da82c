"""How much a body may be, how slowly it may come, and how its bytes may be encoded.

Every body is small unless its route reads it by ``read_body``, which says of what kind it is
(``Incoming.expect``): so a new route has a limit before anybody thinks of one.
"""

import asyncio
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.api.door.callers import who
from common.api.door.purse import FREE_BYTES, Purse
from common.base.errors import BodyTooLarge, UnsupportedMediaType
from common.base.errors.access import SlowBody
from common.base.settings import MIB, Settings
from common.contract import Kind

SMALL_BYTES = 16 * 1024
"""Of a body that holds a few short fields: a key, a flag."""

PROMPT_BYTES = 64 * 1024
"""Of one that holds a prompt: 5,000 characters, up to 12 bytes each as JSON may write them."""

BYTES_PER_SECOND = 16 * 1024
"""Slower than a poor mobile line; 64 MB take an hour at that."""

_MAX_TYPE_CHARS = 300
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([^"';\s]*)""", re.IGNORECASE)
_UTF8 = frozenset({b"utf-8", b"utf8", b"us-ascii"})


class Large(StrEnum):
    """Large bodies."""

    JSON = "JSON"
    FORM = "forms"
    FILE = "files"
    """One file as it is, written to where it stays while it comes."""


@dataclass(frozen=True)
class Allowance:
    """Of a large body: its largest size in bytes, what to do about it, and what it is paid from."""

    most: int
    hint: str
    purse: Purse


@dataclass(frozen=True)
class Limits:
    """Of all bodies of one service."""

    large: dict[Large, Allowance]
    prompts: re.Pattern[str]
    """A kind's own paths that make jobs: a body has room for a prompt from the start."""
    patience: float
    """Seconds in which ``BYTES_PER_SECOND`` must have been kept."""
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def of(cls, settings: Settings, kind: Kind) -> "Limits":
        """As the settings say, and no more forms at once than the temporary folder could hold."""
        form = int(settings.max_body_mb * MIB)
        json = min(int(settings.max_json_mb * MIB), form)
        forms = int(settings.max_uploads_mb * MIB)
        with suppress(OSError):  # without a temporary folder every upload is refused by itself
            forms = min(forms, shutil.disk_usage(tempfile.gettempdir()).total)
        file = int(settings.max_file_mb * MIB)
        larger = "or raise MAX_BODY_MB"
        return cls(
            {
                Large.JSON: Allowance(
                    json,
                    f"Upload files as multipart/form-data, {larger} and MAX_JSON_MB.",
                    Purse("JSON", "MAX_JSON_MB", 3 * json, json),
                ),
                Large.FORM: Allowance(
                    form,
                    f"Send smaller files, {larger}.",
                    Purse("uploads", "MAX_UPLOADS_MB", forms, min(form, forms)),
                ),
                Large.FILE: Allowance(
                    file, "MAX_FILE_MB sets the limit.", Purse("files", "MAX_FILE_MB", file, file)
                ),
            },
            re.compile("|".join((*kind.creating, *kind.waiting))),
            settings.client_seconds,
        )


class Incoming:
    """One body on its way."""

    def __init__(self, scope: Scope, receive: Receive, limits: Limits) -> None:
        self._scope, self._receive, self._limits = scope, receive, limits
        has_prompt = limits.prompts.fullmatch(scope["path"])
        self._most = PROMPT_BYTES if has_prompt else SMALL_BYTES
        self._hint = "No request to this path needs more."
        self._purse: Purse | None = None
        self._paid = 0
        self._begun = self._ended = False
        self.size = 0
        """Bytes that have come."""
        self._waited = 0.0  # for the client, since _fresh bytes ago
        self._fresh = 0

    def expect(self, kind: Large) -> None:
        """Make room for a large body, before it is read."""
        allowed = self._limits.large[kind]
        self._most, self._hint, self._purse = allowed.most, allowed.hint, allowed.purse

    async def receive(self) -> Message:
        """ASGI's receive.

        Raises:
            BodyTooLarge, BodiesUnderWay, UnsupportedMediaType: also by its headers alone.
            SlowBody: it comes too slowly, or not at all.
        """
        if self._ended:
            return await self._receive()
        if not self._begun:
            self._begin()
        message = await self._in_time()
        self._count(len(message.get("body", b"")))
        self._ended = message["type"] != "http.request" or not message.get("more_body")
        return message

    def finish(self) -> None:
        """Its bytes are gone."""
        if self._purse is not None and self._paid:
            self._purse.give_back(who(self._scope), self._paid)

    def _begin(self) -> None:
        self._begun = True
        headers = dict(reversed(self._scope["headers"]))
        _check_encoding(headers)
        length = headers.get(b"content-length", b"")
        declared = int(length) if length.isdigit() and len(length) < 20 else 0
        if declared > self._most:
            raise self._too_large()
        if self._purse is not None and declared > FREE_BYTES:
            self._purse.check(who(self._scope), declared - FREE_BYTES)

    def _count(self, size: int) -> None:
        self.size += size
        if self.size > self._most:
            raise self._too_large()
        due = max(0, self.size - FREE_BYTES) - self._paid
        if self._purse is not None and due:
            self._purse.take(who(self._scope), due)
            self._paid += due

    async def _in_time(self) -> Message:
        """Only the time in which we wait for the client counts, not that in which we work."""
        patience, clock = self._limits.patience, self._limits.clock
        began = clock()
        try:
            async with asyncio.timeout(patience - self._waited):
                message = await self._receive()
        except TimeoutError:
            raise self._too_slow() from None
        self._waited += clock() - began
        self._fresh += len(message.get("body", b""))
        if self._fresh >= BYTES_PER_SECOND * patience:
            self._waited, self._fresh = 0.0, 0
        return message

    def _too_large(self) -> BodyTooLarge:
        most = self._most / MIB
        size = f"{most:g} MB" if most >= 1 else f"{self._most // 1024} KB"
        return BodyTooLarge(f"The body is over {size}.", hint=self._hint)

    def _too_slow(self) -> SlowBody:
        return SlowBody(
            f"The body came at less than {BYTES_PER_SECOND // 1024} KB a second for"
            f" {self._limits.patience:g} seconds.",
            hint="Send it again, over a better line. CLIENT_SECONDS sets how long is waited.",
        )


def incoming_of(request: Request) -> Incoming | None:
    """The body of a request; None where it has none."""
    incoming: Incoming | None = request.scope.get("state", {}).get("incoming")
    return incoming


class BodyLimit:
    """ASGI middleware: counts bytes as they come, since a length header may lie or be absent."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting ``receive``; without a body it costs nothing."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        incoming = Incoming(scope, receive, self._limits)
        scope.setdefault("state", {})["incoming"] = incoming
        try:
            await self._app(scope, incoming.receive, send)
        finally:
            incoming.finish()


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


def _check_encoding(headers: dict[bytes, bytes]) -> None:
    """A sender may not choose by what its bytes are read: some codecs are quadratic.

    Raises:
        UnsupportedMediaType: packed, or in another charset than UTF-8.
    """
    packed = headers.get(b"content-encoding", b"identity").strip().lower()
    if packed not in (b"identity", b""):
        raise UnsupportedMediaType(
            "The body is packed (Content-Encoding).", hint="Send it as it is."
        )
    kind = headers.get(b"content-type", b"")
    if len(kind) > _MAX_TYPE_CHARS:
        raise UnsupportedMediaType(
            f"Content-Type has over {_MAX_TYPE_CHARS} characters.",
            hint="Send application/json, or multipart/form-data with a short boundary.",
        )
    check_charset(kind)


def check_charset(content_type: bytes) -> None:
    """Of a body or of a part of one. Raises UnsupportedMediaType."""
    if any(said.lower() not in _UTF8 for said in _CHARSET.findall(content_type)):
        raise UnsupportedMediaType(
            "The body's charset is not UTF-8.", hint="Send UTF-8, or leave charset out."
        )
