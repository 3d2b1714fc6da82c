"""Bodies of OpenAI's Videos API, with the extra fields that other open servers take, to ours."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, ValidationError
from pydantic_core import from_json
from starlette.datastructures import FormData, UploadFile

from common.api.body import Parsed, Reader, as_invalid_request, json_object
from common.api.openai.errors import in_their_names
from common.api.service import Service
from common.errors import InvalidRequest, ModelNotFound, Unresolvable
from common.requests import (
    SAYS_SOMETHING,
    FrameCount,
    FrameRate,
    GenerateRequest,
    GuidanceScale,
    Name,
    Priority,
    Prompt,
    Seconds,
    Seed,
    Size,
    Steps,
)

Side = Annotated[int, Field(ge=1, le=99_999)]

_FLATTENED = ("extra_body", "extra_params")
_OBJECTS = (*_FLATTENED, "options", "input_reference")
_MEMBER = re.compile(rf"({'|'.join(_OBJECTS)})\[(\w+)\]")
"""How their client writes a member of an object into a form: ``options[flow_shift]``."""

_SAME = {
    *("prompt", "negative_prompt", "num_frames", "fps", "seed"),
    *("num_inference_steps", "guidance_scale", "options", "preset", "priority", "webhook_url"),
}
"""Fields that have the same name and meaning in a ``GenerateRequest``."""


class ImageReference(BaseModel):
    """A picture inside a JSON body."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_url: str = Field(description="A `data:` URL. Addresses are not fetched.")


class CreateVideo(BaseModel):
    """The body of ``POST /v1/videos``. Everything but ``prompt`` may be left out."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"prompt": "A cat on a beach at sunset", "seconds": "4"}]},
    )

    prompt: Annotated[
        Prompt,
        Field(
            min_length=1,
            description="What the video shows.",
            json_schema_extra={"pattern": SAYS_SOMETHING},
        ),
    ]
    model: str | None = Field(None, description="One that `GET /v1/models` lists.")
    seconds: Seconds | None = Field(None, description="Length; a number, or text as in `4`.")
    size: Size | None = Field(None, description="Width x height in pixels, as in `1280x720`.")
    input_reference: ImageReference | None = Field(
        None, description="First frame. In a form: a picture's or, where supported, video's file."
    )
    negative_prompt: Prompt | None = Field(None, description="What it should not show.")
    width: Side | None = Field(None, description="In pixels, with `height`, in place of `size`.")
    height: Side | None = Field(None, description="In pixels.")
    num_frames: FrameCount | None = Field(None, description="Length, in place of `seconds`.")
    fps: FrameRate | None = Field(None, description="Frames a second.")
    seed: Seed | None = Field(None, description="Same seed and parameters, same video.")
    num_inference_steps: Steps | None = Field(None, description="Denoising steps.")
    guidance_scale: GuidanceScale | None = Field(
        None, description="How strictly the prompt is followed."
    )
    flow_shift: float | None = Field(None, description="On models that have this option.")
    generate_sound: bool | None = Field(None, description="On models that make sound.")
    options: dict[str, Any] | None = Field(
        None, description="The model's own options, listed by `GET /info`."
    )
    preset: Name | None = Field(None, description="One that `GET /presets` lists.")
    priority: Priority | None = Field(None, description="Place in the queue.")
    webhook_url: HttpUrl | None = Field(
        None, description="Called when the video is ready or failed, where the service allows it."
    )


class RemixVideo(BaseModel):
    """The body of ``POST /v1/videos/{id}/remix``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Annotated[
        Prompt,
        Field(
            min_length=1,
            description="What the new video shows.",
            json_schema_extra={"pattern": SAYS_SOMETHING},
        ),
    ]


def reader_for(service: Service) -> Reader[Parsed]:
    """Reads a ``CreateVideo`` for this service."""
    return Reader(partial(_from_json, service), partial(_from_form, service))


def check_model(service: Service, name: str | None) -> None:
    """Whether a client means the model of this service.

    Raises:
        ModelNotFound: it means another.
    """
    known = (service.spec.id, service.variant.name)
    if name is not None and name not in known:
        raise ModelNotFound(
            f"The model {name[:100]!r} is not served here.",
            param="model",
            hint=f"Use {known[0]}, or leave model out.",
        )


def as_generate_request(video: CreateVideo) -> GenerateRequest:
    """The same wish in our own words.

    Raises:
        InvalidRequest: fields contradict each other, or the prompt says nothing.
    """
    _check_pairs(video)
    image = video.input_reference.image_url if video.input_reference else None
    shift = {} if video.flow_shift is None else {"flow_shift": video.flow_shift}
    fields = video.model_dump(include=_SAME) | {
        "duration": video.seconds,
        "resolution": f"{video.width}x{video.height}" if video.width else video.size,
        "image": image,
        "generate_audio": video.generate_sound,
        "options": shift | (video.options or {}) or None,
    }
    try:
        sent = {name: value for name, value in fields.items() if value is not None}
        return GenerateRequest.model_validate(sent)
    except ValidationError as exc:
        raise as_invalid_request(exc) from exc


def _check_pairs(video: CreateVideo) -> None:
    if video.seconds is not None and video.num_frames is not None:
        raise Unresolvable(
            "seconds and num_frames both say how long.", param="seconds", hint="Give one of them."
        )
    sides = (video.width, video.height)
    if video.size is not None and sides != (None, None):
        raise Unresolvable(
            "size is given, and width or height too.", param="size", hint="Give one of them."
        )
    if None in sides and sides != (None, None):
        missing = "width" if video.width is None else "height"
        raise Unresolvable(f"{missing} is missing.", param=missing, hint="Give both, or size.")


def _from_json(service: Service, text: bytes) -> Parsed:
    try:
        fields = from_json(text, allow_inf_nan=False)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise InvalidRequest("The body is no JSON object.", hint="Send a JSON object.")
    return Parsed(_request(service, fields))


def _from_form(service: Service, form: FormData) -> Parsed:
    fields: dict[str, Any] = {}
    files: dict[str, UploadFile] = {}
    for name, value in form.multi_items():
        member = _MEMBER.fullmatch(name)
        if isinstance(value, UploadFile):
            files[_kind(name, value)] = value
        elif member:
            fields.setdefault(member[1], {})[member[2]] = value
        else:
            fields[name] = json_object(name, value) if name in _OBJECTS else value
    if len(files) + ("input_reference" in fields) > 1:
        raise InvalidRequest(
            "input_reference is given twice.", param="input_reference", hint="Send one."
        )
    return Parsed(_request(service, fields), files)


def _kind(name: str, upload: UploadFile) -> str:
    """Our own field for an uploaded file."""
    if name != "input_reference":
        raise InvalidRequest(
            f"{name}: no file is taken under this name.", param=name, hint="Use input_reference."
        )
    return "video" if (upload.content_type or "").startswith("video/") else "image"


def _request(service: Service, fields: Mapping[str, Any]) -> GenerateRequest:
    try:
        video = CreateVideo.model_validate(_flat(fields))
    except ValidationError as exc:
        raise as_invalid_request(exc, CreateVideo) from exc
    check_model(service, video.model)
    with in_their_names():
        return as_generate_request(video)


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """All fields on one level: some clients put theirs into ``extra_body`` or ``extra_params``."""
    flat = {name: value for name, value in fields.items() if name not in _FLATTENED}
    for holder in _FLATTENED:
        extra = fields.get(holder) or {}
        if not isinstance(extra, dict):
            raise InvalidRequest(
                f"{holder}: must be a JSON object.", param=holder, hint='As in {"seed": 1}.'
            )
        for name in flat.keys() & extra.keys():
            raise InvalidRequest(
                f"{name} is given twice, the second time in {holder}.", param=name, hint="Send one."
            )
        flat |= extra
    return flat
