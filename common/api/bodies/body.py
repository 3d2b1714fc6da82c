"""Reads the body that asks for a job: JSON, or multipart with its uploads."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

from fastapi import Request
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile

from common.api.bodies.aside import aside
from common.api.bodies.finished import finished_jobs
from common.api.bodies.forms import check_files, form_of, json_list, json_object
from common.api.bodies.json_text import json_of
from common.api.bodies.multipart import read_form
from common.api.bodies.validated import validated
from common.api.door.callers import who
from common.api.door.limits import Large, incoming_of
from common.api.door.turns import Turns
from common.api.service import Service
from common.base.errors import UnsupportedMediaType
from common.contract import Kind, Resolution, Upload, WorkRequest
from common.contract.work import Foreseen, SentFile
from common.jobs.webhooks.target import check_webhook

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Body:
    """A request and its uploads, both valid in themselves."""

    request: WorkRequest
    uploads: tuple[Upload, ...] = ()
    remix_of: str | None = None
    """The job whose prompt was changed to make this one."""
    files: Mapping[str, SentFile] = field(default_factory=dict)
    """What was sent, by field."""

    @property
    def media(self) -> list[Any]:
        """What is known of the uploads."""
        return [upload.media for upload in self.uploads]

    def as_requested(self) -> dict[str, Any]:
        """What was sent, for the record; an upload by its size and format only."""
        sent = self.request.recorded(exclude_unset=True)
        sent |= {one.media.field: one.summary for one in self.uploads if one.summary is not None}
        if self.remix_of:
            sent["remix_of"] = self.remix_of
        return sent


@dataclass(frozen=True)
class Parsed:
    """A body that was read. Its files are named by their fields, and not looked at yet."""

    request: Any
    """A ``WorkRequest`` of the kind."""
    files: Mapping[str, UploadFile] = field(default_factory=dict)


@dataclass(frozen=True)
class Reader(Generic[T]):
    """One vocabulary of bodies. Both functions raise InvalidRequest, naming the wrong field."""

    from_json: Callable[[bytes], T]
    from_form: Callable[[FormData], T]


@asynccontextmanager
async def read_body(request: Request, reader: Reader[T]) -> AsyncIterator[T]:
    """Parse a body. A large upload is a file on disk, and open inside the block only.

    Raises:
        UnsupportedMediaType: neither JSON nor multipart, or not in UTF-8.
        InvalidRequest: naming the first wrong field.
        BodyTooLarge, SlowBody, BodiesUnderWay: while reading.
        StorageFull, StorageUnavailable: the temporary folder.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        text = await _large(request, Large.JSON).body()
        yield await aside(len(text), reader.from_json, text)
    elif kind == "multipart/form-data":
        async with read_form(_large(request, Large.FORM)) as form:
            size = sum(len(text) for text in form.values() if isinstance(text, str))
            yield await aside(size, reader.from_form, form)
    else:
        raise UnsupportedMediaType(
            f"The body is {kind or 'of no stated type'}.",
            hint="Send application/json, or multipart/form-data with the files that it may have.",
        )


def _large(request: Request, kind: Large) -> Request:
    """The same request: its body may be a large one."""
    if (incoming := incoming_of(request)) is not None:
        incoming.expect(kind)
    return request


async def checked_body(request: Request, parsed: Parsed, service: Service, job_id: str) -> Body:
    """A body whose webhook and uploads are good.

    Raises:
        InvalidRequest: the webhook is not allowed; or from ``finished_jobs``, ``looked_at``.
    """
    check_webhook(parsed.request.webhook_url, service.settings)
    finished = await finished_jobs(service, parsed.request.used_jobs)
    check = service.intake.look(parsed.request, parsed.files, job_id, finished)
    return Body(parsed.request, await looked_at(request, check), files=parsed.files)


async def looked_at(
    request: Request, check: Callable[[], tuple[Upload, ...]] | None
) -> tuple[Upload, ...]:
    """The uploads of a request, in their turn; ``check`` looks at them, where there are any.

    Raises:
        InvalidRequest: one is not what it should be, or over a limit.
        Busy, Stopping, NoThreads: it cannot be looked at now.
    """
    if check is None:
        return ()
    # A good part of a second, in a child: not in the event loop, and not many at once. All of the
    # file is here already: who sends slowly holds no turn.
    async with _turn_of(request):
        return await asyncio.to_thread(check)


async def foreseen(request: Request, resolution: Resolution, uploads: Sequence[Upload]) -> Foreseen:
    """What a dry run shows; where only the files tell that, they are looked into in their turn.

    Raises as ``looked_at`` does.
    """
    if resolution.foresee is None:
        return Foreseen(resolution.request)
    async with _turn_of(request):
        return await asyncio.to_thread(resolution.foresee, uploads)


def _turn_of(request: Request) -> AbstractAsyncContextManager[None]:
    turns = request.app.state.look_turns
    assert isinstance(turns, Turns)  # noqa: S101  # set by create_app
    return turns.turn(who(request.scope))


def reader_of(kind: Kind) -> Reader[Parsed]:
    """The bodies of ``POST /generate``."""
    return reader_for(kind.request, tuple(kind.uploads), lambda request: request)


def reader_for(
    body: type[M], uploads: Collection[str], request: Callable[[M], WorkRequest]
) -> Reader[Parsed]:
    """Bodies of a class, with these files in a form; ``request`` is what one asks for."""

    def from_json(text: bytes) -> Parsed:
        return Parsed(request(validated(body, json_of(text))))

    def from_form(form: FormData) -> Parsed:
        sent = form_of(form, lambda name: name in body.model_fields or name in uploads)
        check_files(sent.files, uploads)
        return Parsed(request(validated(body, _read(body, sent.texts))), sent.files)

    return Reader(from_json, from_form)


def _read(body: type[BaseModel], texts: Mapping[str, str]) -> dict[str, Any]:
    """Fields that are objects are JSON text in a form, and lists may be."""
    objects, lists = _typed(body, "object"), _typed(body, "array")
    read: dict[str, Any] = dict(texts)
    for name in texts.keys() & objects:
        read[name] = json_object(name, texts[name])
    for name in texts.keys() & lists:
        if texts[name].lstrip().startswith(("[", "{")):
            read[name] = json_list(name, texts[name])
    return read


@cache
def _typed(request: type[BaseModel], wanted: str) -> frozenset[str]:
    """The names of its fields that are of this JSON type, or null."""
    schema = request.model_json_schema()
    defined = schema.get("$defs", {})

    def is_one(field: dict[str, Any]) -> bool:
        named = defined.get(field.get("$ref", "").rpartition("/")[2], field)
        forms = field.get("oneOf", ())
        of_all = bool(forms) and all(map(is_one, forms))  # an address or an object is text, too
        own = bool(named.get("type") == wanted)
        return own or of_all or any(map(is_one, field.get("anyOf", ())))

    return frozenset(name for name, field in schema["properties"].items() if is_one(field))
