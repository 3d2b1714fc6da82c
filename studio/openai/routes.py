"""``/v1/audio``: one request, and what was said in its answer."""

from collections.abc import Callable
from functools import partial
from secrets import token_hex
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse

from common.api.bodies.body import checked_body, read_body
from common.api.bodies.once import Once, OnceParam
from common.api.door.openai_errors import PREFIX, described
from common.api.door.openapi import without_null
from common.api.openai.naming import renamed
from common.api.openai.waiting import WAITING_ERRORS, answer_at_the_end, headers_of
from common.api.routes.acting import published_file
from common.api.routes.generate import make
from common.api.service import Service, service_of
from common.jobs.model import Job
from studio.captions.cues import Transcript
from studio.files import FILES
from studio.openai.requests import (
    FILE,
    THEIR_NAMES,
    Asked,
    CreateTranscription,
    CreateTranslation,
    Format,
    reader_for,
)
from studio.openai.views import (
    TranscriptionView,
    VerboseView,
    text_of,
    transcription_view,
    verbose_view,
)

router = APIRouter(prefix=f"{PREFIX}/audio", tags=["OpenAI"])
ServiceParam = Annotated[Service, Depends(service_of)]

_BY_NAME = {file.name: file for file in FILES}
_WORDS = _BY_NAME["words.json"]
_AS_THEY_ARE = {Format.SRT: _BY_NAME["segments.srt"], Format.VTT: _BY_NAME["captions.vtt"]}

_ERRORS = described(
    _400="A field is wrong, or the checkpoint cannot do that; `param` names it.",
    _404="Another model is asked for.",
    _413="The body is over the limit.",
    _415="No form.",
    _429="The queue is full; try again after `Retry-After` seconds.",
    _507="Too little disk space is left.",
)


def _body(fields: type[CreateTranslation]) -> dict[str, Any]:
    schema = without_null(fields.model_json_schema())
    file = {"type": "string", "format": "binary", "description": "A sound file, or a video."}
    form = {**schema, "properties": {FILE: file, **schema["properties"]}, "required": [FILE]}
    content = {"multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}


def _described(fields: type[CreateTranslation], summary: str) -> dict[str, Any]:
    answers: dict[str, Any] = {
        "application/json": {},
        **{kind: {} for kind in ("text/plain", "text/vtt", "application/x-subrip")},
    }
    return {
        "response_model": TranscriptionView | VerboseView,
        "openapi_extra": _body(fields),
        "responses": {200: {"content": answers}, **_ERRORS, **WAITING_ERRORS},
        "summary": summary,
    }


@router.post("/transcriptions", **_described(CreateTranscription, "Write down what is said"))
async def transcribe(request: Request, service: ServiceParam, once: OnceParam) -> Response:
    """What is said in a file, once it was heard. Whoever hangs up cancels the job.

    `X-Request-Id` is the id of the job, whose files are below `/jobs` as well.
    """
    return await _answered(request, service, once, CreateTranscription)


@router.post("/translations", **_described(CreateTranslation, "Write down in English what is said"))
async def translate(request: Request, service: ServiceParam, once: OnceParam) -> Response:
    """The same, in English, whatever is spoken. Not every checkpoint can."""
    return await _answered(request, service, once, CreateTranslation)


async def _answered(
    request: Request, service: Service, once: Once, fields: type[CreateTranslation]
) -> Response:
    job_id = token_hex(16)
    async with read_body(request, reader_for(service, fields)) as asked:
        with renamed(THEIR_NAMES):
            body = await checked_body(request, asked.parsed, service, job_id)
            job = await once.job(job_id, body, partial(make, service, job_id, body))
    translated = fields is CreateTranslation
    answer = partial(_answer, service, asked, translated)
    return await answer_at_the_end(job, request, service, once, answer)


async def _answer(service: Service, asked: Asked, translated: bool, job: Job) -> Response:
    headers = headers_of(job)
    if asked.form in _AS_THEY_ARE:
        file = _AS_THEY_ARE[asked.form]
        path = await published_file(service, job, file)
        text = await run_in_threadpool(path.read_text, encoding="utf-8")
        return PlainTextResponse(text, headers=headers, media_type=file.media_type)
    path = await published_file(service, job, _WORDS)
    read: Callable[[bytes], Transcript] = Transcript.model_validate_json
    heard = await run_in_threadpool(lambda: read(path.read_bytes()))
    if asked.form is Format.TEXT:
        return PlainTextResponse(text_of(heard) + "\n", headers=headers)
    view: TranscriptionView | VerboseView = (
        verbose_view(heard, asked.granularities, translated=translated)
        if asked.form is Format.VERBOSE
        else transcription_view(heard)
    )
    return JSONResponse(view.model_dump(exclude_none=True), headers=headers)
