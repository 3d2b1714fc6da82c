"""Bodies of OpenAI's Videos API, with the extra fields that other open servers take, to ours."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, HttpUrl
from starlette.datastructures import FormData, UploadFile

from common.api.bodies.body import Parsed, Reader
from common.api.bodies.forms import check_files, form_of, json_list, json_object
from common.api.bodies.json_text import given_twice, json_of
from common.api.bodies.validated import validated
from common.api.openai.models import check_model
from common.api.service import Service
from common.base.errors import InvalidRequest, Unresolvable
from common.contract.fields import (
    FrameCount,
    FrameRate,
    GuidanceScale,
    Name,
    Options,
    Priority,
    Prompt,
    SaidPrompt,
    Seconds,
    Seed,
    Size,
    Steps,
)
from common.contract.left_out import MayBeLeftOut, without_nulls
from common.kinds.video.afterwards import Afterwards
from common.kinds.video.loras import Loras
from common.kinds.video.openai.errors import in_their_names
from common.kinds.video.openai.references import InputReference
from common.kinds.video.requests import SIZE_HINT, GenerateRequest
from common.kinds.video.sources import Sources
from common.media.kinds import HEAD_BYTES, Kind, kind_of

Side = Annotated[int, Field(ge=1, le=99_999)]

_FLATTENED = ("extra_body", "extra_params")
_UPLOAD = "input_reference"
_LISTS = ("loras", "keyframes", "reference_images")
_OBJECTS = (*_FLATTENED, "options", _UPLOAD, "retake", "video")
_MEMBER = re.compile(rf"({'|'.join(_OBJECTS)})\[(\w+)\]")
"""How their client writes a member of an object into a form: ``options[flow_shift]``."""

_SAME = {
    *("prompt", "negative_prompt", "num_frames", "fps", "seed"),
    *("num_inference_steps", "guidance_scale", "options", "preset", "priority", "webhook_url"),
    *("enhance_prompt", "loras", "no_cache", "two_stages"),
    *(*Afterwards.model_fields, *Sources.model_fields),
}
"""Fields that have the same name and meaning in a ``GenerateRequest``."""


class CreateVideo(Sources, Afterwards, MayBeLeftOut):
    """The body of ``POST /v1/videos``. Everything but ``prompt`` may be left out."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": [{"prompt": "A cat on a beach at sunset", "seconds": "4"}]},
    )

    hints: ClassVar[Mapping[str, str]] = {"size": SIZE_HINT}

    prompt: SaidPrompt = Field(description="What the video shows.")
    model: str | None = Field(None, description="One that `GET /v1/models` lists.")
    seconds: Seconds | None = Field(None, description="Length; a number, or text as in `4`.")
    size: Size | None = Field(None, description="Width x height in pixels, as in `1280x720`.")
    input_reference: InputReference | None = Field(
        None, description="First frame. In a form: a picture's or, where supported, video's file."
    )
    negative_prompt: Prompt | None = Field(None, description="What it should not show.")
    enhance_prompt: bool | None = Field(None, description="Where it can be: a richer prompt.")
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
    options: Options | None = Field(
        None, description="The model's own options, listed by `GET /info`."
    )
    preset: Name | None = Field(None, description="One that `GET /presets` lists.")
    loras: Loras | None = Field(None, description="From `GET /loras`; a form has them as JSON.")
    two_stages: bool | None = Field(None, description="Half of the sides first, where it can be.")
    priority: Priority | None = Field(None, description="Place in the queue.")
    no_cache: bool | None = Field(None, description="Make it, even where it was made before.")
    webhook_url: HttpUrl | None = Field(
        None, description="Called when the video is ready or failed, where the service allows it."
    )


class RemixVideo(BaseModel):
    """The body of ``POST /v1/videos/{id}/remix``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: SaidPrompt = Field(description="What the new video shows.")


def reader_for(service: Service) -> Reader[Parsed]:
    """Reads a ``CreateVideo`` for this service."""
    return Reader(partial(_from_json, service), partial(_from_form, service))


def as_generate_request(video: CreateVideo) -> GenerateRequest:
    """The same wish in our own words.

    Raises:
        InvalidRequest: fields contradict each other, or the prompt says nothing.
    """
    _check_pairs(video)
    image = video.input_reference.picture if video.input_reference else None
    shift = {} if video.flow_shift is None else {"flow_shift": video.flow_shift}
    fields = video.model_dump(include=_SAME, exclude_unset=True) | {
        "duration": video.seconds,
        "resolution": f"{video.width}x{video.height}" if video.width else video.size,
        "image": image,
        "generate_audio": video.generate_sound,
        "options": shift | (video.options or {}) or None,
    }
    return validated(GenerateRequest, without_nulls(fields))


def _check_pairs(video: CreateVideo) -> None:
    if video.seconds is not None and video.num_frames is not None:
        raise Unresolvable(
            "seconds and num_frames both say how long.", param="seconds", hint="Give one of them."
        )
    if video.flow_shift is not None and "flow_shift" in (video.options or {}):
        raise Unresolvable(
            "flow_shift is given, and options.flow_shift too.",
            param="flow_shift",
            hint="Give one of them.",
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
    fields = json_of(text)
    if not isinstance(fields, dict):
        raise InvalidRequest("The body is no JSON object.", hint="Send a JSON object.")
    return Parsed(_request(service, fields))


def _from_form(service: Service, form: FormData) -> Parsed:
    sent = form_of(form, _is_field)
    check_files(sent.files, (_UPLOAD,))
    if _UPLOAD in sent.files and any(_holder(name) == _UPLOAD for name in sent.texts):
        raise given_twice(_UPLOAD)
    files: dict[str, UploadFile] = {_kind(upload): upload for upload in sent.files.values()}
    return Parsed(_request(service, _nested(sent.texts)), files)


def _is_field(name: str) -> bool:
    return _holder(name) in CreateVideo.model_fields or _holder(name) in _FLATTENED


def _nested(texts: Mapping[str, str]) -> dict[str, Any]:
    """A form's fields, with the members of objects in their objects."""
    fields: dict[str, Any] = {}
    for name, text in texts.items():
        member = _MEMBER.fullmatch(name)
        if member is None:
            fields[name] = _read(name, text)
        elif member[1] in texts:
            raise given_twice(member[1])
        else:
            fields.setdefault(member[1], {})[member[2]] = text
    return fields


def _read(name: str, text: str) -> Any:
    if name in _OBJECTS:
        return json_object(name, text)
    return json_list(name, text) if name in _LISTS else text


def _holder(name: str) -> str:
    member = _MEMBER.fullmatch(name)
    return member[1] if member else name


def _kind(upload: UploadFile) -> Kind:
    """Our own field for an uploaded file: by its content, and by its type where that is mute."""
    head = upload.file.read(HEAD_BYTES)
    upload.file.seek(0)
    said: Kind = "video" if (upload.content_type or "").startswith("video/") else "image"
    return kind_of(head) or said


def _request(service: Service, fields: Mapping[str, Any]) -> GenerateRequest:
    video = validated(CreateVideo, _flat(fields))
    check_model(service, video.model)
    with in_their_names():
        return as_generate_request(video)


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """All fields on one level: some clients put theirs into ``extra_body`` or ``extra_params``."""
    flat = {name: value for name, value in fields.items() if name not in _FLATTENED}
    for holder in _FLATTENED:
        extra = fields.get(holder)
        if not isinstance(extra, dict | None):
            raise InvalidRequest(
                f"{holder}: must be a JSON object.", param=holder, hint='As in {"seed": 1}.'
            )
        for name, value in (extra or {}).items():
            if flat.get(name) is None:  # what is null counts as left out
                flat[name] = value
            elif value is not None:
                raise InvalidRequest(
                    f"{name} is given twice, the second time in {holder}.",
                    param=name,
                    hint="Send one.",
                )
    return flat
