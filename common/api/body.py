"""Reads the body that asks for a video: JSON, or multipart with an image or a video."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO, Generic, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile

from common.api.door.aside import aside
from common.api.door.forms import read_form
from common.api.door.json_bounds import bounded_json, check_json
from common.api.door.limits import Kind, incoming_of
from common.api.service import Service
from common.beginnings import Clip, video_input_of
from common.errors import InvalidRequest, Unresolvable, UnsupportedMediaType
from common.frame_size import Picture
from common.media.inputs import decode_base64_image, inspect_image
from common.media.videos import VideoLimits, inspect_video
from common.requests import SEVERAL_FIELDS, GenerateRequest
from common.settings import MIB, Settings
from common.variants import VideoInput
from common.webhooks.target import check_webhook

T = TypeVar("T")

_OBJECTS = ("options", "variables")
"""Fields that are JSON text in a form."""


@dataclass(frozen=True)
class Upload:
    """A checked picture or video: as sent, and what it is."""

    file: BinaryIO
    media: Picture | Clip
    summary: str


@dataclass(frozen=True)
class Body:
    """A request and what it begins with, both valid in themselves."""

    request: GenerateRequest
    upload: Upload | None
    remix_of: str | None = None
    """The job whose prompt was changed to make this one."""

    @property
    def media(self) -> Picture | Clip | None:
        """What the video begins with."""
        return self.upload.media if self.upload else None

    def as_requested(self) -> dict[str, Any]:
        """What was sent, for the record; an upload by its size and format only."""
        sent = self.request.model_dump(mode="json", exclude_unset=True, exclude={"image"})
        if self.upload:
            sent[self.upload.media.field] = self.upload.summary
        if self.remix_of:
            sent["remix_of"] = self.remix_of
        return sent


@dataclass(frozen=True)
class Parsed:
    """A body that was read. Its files are named ``image`` or ``video``, and not looked at yet."""

    request: GenerateRequest
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
        text = await _large(request, Kind.JSON).body()
        yield await aside(len(text), _checked_json, reader, text)
    elif kind == "multipart/form-data":
        async with read_form(_large(request, Kind.FORM)) as form:
            size = sum(len(text) for text in form.values() if isinstance(text, str))
            yield await aside(size, reader.from_form, form)
    else:
        raise UnsupportedMediaType(
            f"The body is {kind or 'of no stated type'}.",
            hint="Send application/json, or multipart/form-data with an image or a video.",
        )


def _large(request: Request, kind: Kind) -> Request:
    """The same request: its body may be a large one."""
    if (incoming := incoming_of(request)) is not None:
        incoming.expect(kind)
    return request


def _checked_json(reader: Reader[T], text: bytes) -> T:
    check_json(text)
    return reader.from_json(text)


async def checked_body(request: Request, parsed: Parsed, service: Service, job_id: str) -> Body:
    """Look at what the video begins with, which is named after the job, never by the client.

    Raises:
        InvalidRequest: it is no picture or video, or over a limit; the webhook is not allowed.
    """
    check_webhook(parsed.request.webhook_url, service.settings)
    check = await _check_of(parsed, service, job_id)
    if check is None:
        return Body(parsed.request, None)
    # Decoding takes a good part of a second and 4 bytes a pixel: not in the event loop, and
    # not many at once.
    async with _one_at_a_time(request):
        return Body(parsed.request, await asyncio.to_thread(check))


async def _check_of(parsed: Parsed, service: Service, job_id: str) -> Callable[[], Upload] | None:
    """How to look at what the video begins with; None where it begins with nothing."""
    image, video = parsed.files.get("image"), parsed.files.get("video")
    data = parsed.request.image
    if video is not None:
        if image is not None or data is not None:
            raise InvalidRequest(
                "A video begins with image or with video, not with both.",
                param="video",
                hint="Leave one of them out.",
            )
        wanted = video_input_of(service.variant)
        return partial(_video, video, job_id, wanted, service.settings)
    if image is None and data is None:
        return None
    content = decode_base64_image(data or "") if image is None else await image.read()
    return partial(_image, content, job_id, service.settings)


def _image(data: bytes, job_id: str, settings: Settings) -> Upload:
    info = inspect_image(data, settings.max_image_pixels)
    picture = Picture(f"{job_id}.{info.format}", info.width, info.height)
    return Upload(BytesIO(data), picture, f"{info.format} {info.width}x{info.height}")


def _video(upload: UploadFile, job_id: str, wanted: VideoInput, settings: Settings) -> Upload:
    if (upload.size or 0) > settings.max_input_video_mb * MIB:
        raise InvalidRequest(
            f"The video is over {settings.max_input_video_mb:g} MB.",
            param="video",
            hint="Cut it: only its beginning is used. MAX_INPUT_VIDEO_MB sets the limit.",
        )
    limits = VideoLimits(settings.max_input_video_pixels, settings.max_input_video_seconds)
    info = inspect_video(upload.file.fileno(), limits, wanted)
    name, frames = f"{job_id}.{info.format}", wanted.taken(info.num_frames)
    clip = Clip(name, info.width, info.height, num_frames=frames, seconds=info.seconds)
    summary = f"{info.format} {info.width}x{info.height}, {info.seconds:g} s"
    return Upload(upload.file, clip, summary)


def _one_at_a_time(request: Request) -> asyncio.Semaphore:
    turn = request.app.state.picture_turn
    assert isinstance(turn, asyncio.Semaphore)  # noqa: S101  # set by create_app
    return turn


def _from_json(text: bytes) -> Parsed:
    try:
        return Parsed(GenerateRequest.model_validate_json(text))
    except ValidationError as exc:
        raise as_invalid_request(exc) from exc


def _from_form(form: FormData) -> Parsed:
    fields: dict[str, Any] = {}
    files: dict[str, UploadFile] = {}
    for name, value in form.multi_items():
        if not isinstance(value, UploadFile):
            fields[name] = json_object(name, value) if name in _OBJECTS else value
        elif name in ("image", "video"):
            files[name] = value
        else:
            raise InvalidRequest(
                f"{name}: no file is taken under this name.",
                param=name,
                hint="Use image or video.",
            )
    try:
        return Parsed(GenerateRequest.model_validate(fields), files)
    except ValidationError as exc:
        raise as_invalid_request(exc) from exc


GENERATE = Reader(_from_json, _from_form)
"""The bodies of ``POST /generate``."""


def json_object(name: str, text: str) -> dict[str, Any]:
    """The JSON object that a form's text field holds.

    Raises:
        InvalidRequest: it holds something else.
    """
    try:
        value = bounded_json(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidRequest(
            f"{name}: must be a JSON object.", param=name, hint='As in {"flow_shift": 3}.'
        )
    return value


def as_invalid_request(
    exc: ValidationError, body: type[BaseModel] = GenerateRequest
) -> InvalidRequest:
    """The first thing that is wrong with a ``body``, in words for the client."""
    first = exc.errors(include_url=False)[0]
    param = ".".join(map(str, first["loc"])) or None
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        uploaded = body is GenerateRequest and param == "video"
        message = "can only be uploaded" if uploaded else "there is no such field"
    elif first["type"] == "string_too_long":
        message += f"; it has {len(first['input'])}"
    prefix = f"{param}: " if param else ""
    error = Unresolvable if first["type"] == SEVERAL_FIELDS else InvalidRequest
    return error(f"{prefix}{message}.", param=param, hint=_hint(first["type"], param, body))


def _hint(kind: str, param: str | None, body: type[BaseModel]) -> str:
    if param == "video" and body is GenerateRequest:
        return "Send multipart/form-data, with the video's file as the field video."
    if kind == "extra_forbidden":
        return f"The fields are: {', '.join(body.model_fields)}."
    if param in ("resolution", "size"):
        return 'Width x height in pixels, as in "1024x576".'
    if kind == "json_invalid":
        return "Send a JSON object."
    return "See /docs for every field and its range."
