"""Reads the body that asks for a video: JSON, or multipart with an image or a video."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO, Generic, TypeVar

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from common.api.bodies.aside import aside
from common.api.bodies.forms import check_files, form_of, json_object
from common.api.bodies.json_text import json_of
from common.api.bodies.multipart import read_form
from common.api.bodies.validated import validated
from common.api.door.callers import who
from common.api.door.limits import Kind, incoming_of
from common.api.door.turns import Turns
from common.api.service import Service
from common.base.errors import InvalidRequest, UnsupportedMediaType
from common.base.settings import MIB, Settings
from common.contract.variants import VideoInput
from common.jobs.webhooks.target import check_webhook
from common.kinds.video.beginnings import Clip, video_input_of
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from common.media.inputs import decode_base64_image, inspect_image
from common.media.videos import VideoLimits, inspect_video

T = TypeVar("T")

_OBJECTS = ("options", "variables")
"""Fields that are JSON text in a form."""
UPLOADS = ("image", "video")
"""Files of a form that a video may begin with."""


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
        yield await aside(len(text), reader.from_json, text)
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


async def checked_body(request: Request, parsed: Parsed, service: Service, job_id: str) -> Body:
    """Look at what the video begins with, which is named after the job, never by the client.

    Raises:
        InvalidRequest: it is no picture or video, or over a limit; the webhook is not allowed.
        Busy, Stopping, NoThreads: it cannot be looked at now.
    """
    check_webhook(parsed.request.webhook_url, service.settings)
    check = _check_of(parsed, service, job_id)
    if check is None:
        return Body(parsed.request, None)
    # A good part of a second, in a child: not in the event loop, and not many at once. All of the
    # file is here already: who sends slowly holds no turn.
    async with _turn_of(request):
        return Body(parsed.request, await asyncio.to_thread(check))


def _check_of(parsed: Parsed, service: Service, job_id: str) -> Callable[[], Upload] | None:
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
    return partial(_image, image or data or "", job_id, service.settings)


def _image(sent: UploadFile | str, job_id: str, settings: Settings) -> Upload:
    file = BytesIO(decode_base64_image(sent)) if isinstance(sent, str) else sent.file
    info = inspect_image(file, settings.max_image_pixels)
    picture = Picture(f"{job_id}.{info.format}", info.width, info.height)
    return Upload(file, picture, f"{info.format} {info.width}x{info.height}")


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


def _turn_of(request: Request) -> AbstractAsyncContextManager[None]:
    turns = request.app.state.look_turns
    assert isinstance(turns, Turns)  # noqa: S101  # set by create_app
    return turns.turn(who(request.scope))


def _from_json(text: bytes) -> Parsed:
    return Parsed(validated(GenerateRequest, json_of(text)))


def _from_form(form: FormData) -> Parsed:
    sent = form_of(form, _is_field)
    check_files(sent.files, UPLOADS)
    return Parsed(validated(GenerateRequest, _read(sent.texts)), sent.files)


def _is_field(name: str) -> bool:
    return name in GenerateRequest.model_fields or name in UPLOADS


def _read(texts: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: json_object(name, text) if name in _OBJECTS else text for name, text in texts.items()
    }


GENERATE = Reader(_from_json, _from_form)
"""The bodies of ``POST /generate``."""
