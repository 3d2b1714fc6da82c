"""Reads the body of ``POST /generate``: JSON, or multipart with an image."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from common.errors import InvalidRequest, UnsupportedMediaType
from common.media.inputs import ImageInfo, decode_base64_image, inspect_image
from common.requests import GenerateRequest


@dataclass(frozen=True)
class Upload:
    """A checked picture: its bytes as sent, and what they are."""

    data: bytes
    info: ImageInfo


@dataclass(frozen=True)
class Body:
    """A request and its picture, both valid in themselves."""

    request: GenerateRequest
    upload: Upload | None

    def as_requested(self) -> dict[str, Any]:
        """What was sent, for the record; a picture by its size and format only."""
        sent = self.request.model_dump(mode="json", exclude_unset=True, exclude={"image"})
        if self.upload:
            info = self.upload.info
            sent["image"] = f"{info.format} {info.width}x{info.height}"
        return sent


async def read_body(request: Request, max_image_pixels: int) -> Body:
    """Parse and check a body.

    Raises:
        UnsupportedMediaType: neither JSON nor multipart.
        InvalidRequest: naming the first wrong field.
        BodyTooLarge: from the transport, while reading.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        parsed, data = _from_json(await request.body()), None
    elif kind == "multipart/form-data":
        async with request.form() as form:
            parsed, data = await _from_form(form)
    else:
        raise UnsupportedMediaType(
            f"The body is {kind or 'of no stated type'}.",
            hint="Send application/json, or multipart/form-data with an image.",
        )
    if parsed.image is not None and data is None:
        data = decode_base64_image(parsed.image)
    if data is None:
        return Body(parsed, None)
    # Decoding a large picture takes a good part of a second and 4 bytes a pixel: not in the event
    # loop, and not many at once.
    async with _one_at_a_time(request):
        info = await asyncio.to_thread(inspect_image, data, max_image_pixels)
    return Body(parsed, Upload(data, info))


def _one_at_a_time(request: Request) -> asyncio.Semaphore:
    turn = request.app.state.picture_turn
    assert isinstance(turn, asyncio.Semaphore)  # noqa: S101  # set by create_app
    return turn


def _from_json(text: bytes) -> GenerateRequest:
    try:
        return GenerateRequest.model_validate_json(text)
    except ValidationError as exc:
        raise as_invalid_request(exc) from exc


async def _from_form(form: FormData) -> tuple[GenerateRequest, bytes | None]:
    fields: dict[str, Any] = {}
    data: bytes | None = None
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name != "image":
                raise InvalidRequest(
                    f"{name}: no file is taken under this name.", param=name, hint="Use image."
                )
            data = await value.read()
        else:
            fields[name] = _json_object(name, value) if name == "options" else value
    try:
        return GenerateRequest.model_validate(fields), data
    except ValidationError as exc:
        raise as_invalid_request(exc) from exc


def _json_object(name: str, text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidRequest(
            f"{name}: must be a JSON object.", param=name, hint='As in {"flow_shift": 3}.'
        )
    return value


def as_invalid_request(exc: ValidationError) -> InvalidRequest:
    """The first thing that is wrong, in words for the client."""
    first = exc.errors(include_url=False)[0]
    param = ".".join(map(str, first["loc"])) or None
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "there is no such field"
    elif first["type"] == "string_too_long":
        message += f"; it has {len(first['input'])}"
    prefix = f"{param}: " if param else ""
    return InvalidRequest(f"{prefix}{message}.", param=param, hint=_hint(first["type"], param))


def _hint(kind: str, param: str | None) -> str:
    if kind == "extra_forbidden":
        return f"The fields are: {', '.join(GenerateRequest.model_fields)}."
    if param == "resolution":
        return 'Width x height in pixels, as in "1024x576".'
    if kind == "json_invalid":
        return "Send a JSON object."
    return "See /docs for every field and its range."
