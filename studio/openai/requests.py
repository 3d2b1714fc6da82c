"""Bodies of OpenAI's Audio API, to ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from starlette.datastructures import FormData

from common.api.bodies.body import Parsed, Reader
from common.api.bodies.forms import check_files, form_of
from common.api.bodies.validated import validated
from common.api.openai.models import check_model
from common.api.openai.naming import renamed
from common.api.service import Service
from common.base.errors import InvalidRequest, Unresolvable, UnsupportedMediaType
from common.contract.fields import Prompt
from common.contract.left_out import MayBeLeftOut
from studio.operations.transcribe import Language, Temperature, Transcribe
from studio.requests import StudioRequest

FILE = "file"
THEIR_NAMES = {"audio": FILE, "task": "model"}
"""Ours, and what they are called there: what cannot be done is the model's fault."""
HABIT = "whisper-1"
"""What their clients ask for: their only Whisper. Taken for the one that is served."""
_LIST = "timestamp_granularities"
_LIST_NAMES = (_LIST, f"{_LIST}[]")


class Format(StrEnum):
    """Of the answer."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"
    VERBOSE = "verbose_json"


class Granularity(StrEnum):
    """What has times in the answer."""

    WORD = "word"
    SEGMENT = "segment"


class CreateTranslation(MayBeLeftOut):
    """The fields of ``POST /v1/audio/translations``, beside ``file``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = Field(None, description="`whisper-1`, or one of `GET /v1/models`.")
    prompt: Prompt | None = Field(None, description="Names that come up, and the style.")
    response_format: Format = Field(Format.JSON, description="Of the answer.")
    temperature: Temperature = Field(0, description="Where sampling begins.")


class CreateTranscription(CreateTranslation):
    """The fields of ``POST /v1/audio/transcriptions``, beside ``file``."""

    language: Language | None = Field(None, description="ISO 639-1; left out, it is found out.")
    timestamp_granularities: Annotated[tuple[Granularity, ...], Field(max_length=2)] = Field(
        (), description="Of `verbose_json`: `segment` where nothing is said, `word`, or both."
    )
    stream: Literal["false", False] = Field(False, description="Only false.")


@dataclass(frozen=True)
class Asked:
    """What one body asks for."""

    parsed: Parsed
    form: Format
    granularities: tuple[Granularity, ...] = ()


def reader_for(service: Service, body: type[CreateTranslation]) -> Reader[Asked]:
    """Reads a ``CreateTranscription`` or a ``CreateTranslation`` for this service."""
    return Reader(_no_json, partial(_from_form, service, body))


def _no_json(_text: bytes) -> Asked:
    raise UnsupportedMediaType(
        "The body is JSON, which holds no file.", hint="Send multipart/form-data with file."
    )


def _from_form(service: Service, body: type[CreateTranslation], form: FormData) -> Asked:
    fields = [(name, value) for name, value in form.multi_items() if name not in _LIST_NAMES]
    listed = [text for name in _LIST_NAMES for text in form.getlist(name)]
    sent = form_of(FormData(fields), lambda name: name in (FILE, *body.model_fields))
    check_files(sent.files, (FILE,))
    if FILE not in sent.files:
        raise InvalidRequest(
            "file is missing.", param=FILE, hint="Send a sound file or a video as file."
        )
    said: Mapping[str, Any] = {**sent.texts, **({_LIST: listed} if listed else {})}
    asked = validated(body, said)
    check_model(service, asked.model, HABIT)
    granularities: tuple[Granularity, ...] = getattr(asked, _LIST, ())
    if Granularity.WORD in granularities and asked.response_format is not Format.VERBOSE:
        raise Unresolvable(
            f"{_LIST}: words are told in verbose_json alone.",
            param=_LIST,
            hint="Set response_format to verbose_json.",
        )
    with renamed(THEIR_NAMES):
        parsed = Parsed(_request(asked), {"audio": sent.files[FILE]})
    return Asked(parsed, asked.response_format, granularities)


def _request(asked: CreateTranslation) -> StudioRequest:
    translates = not isinstance(asked, CreateTranscription)
    fields = {
        "task": "translate" if translates else "transcribe",
        "language": getattr(asked, "language", None),
        "prompt": asked.prompt,
        "temperature": asked.temperature,
    }
    return StudioRequest(task=validated(Transcribe, fields))
