"""What an answer of a service means for a step."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.api.pipelines.stack import Answer
from common.base.errors import ErrorBody
from common.contract.fields import JOB_ID

_LATER = frozenset({408, 425, 429, 502, 503, 504, 507})
"""Nothing is wrong with the request: the service is full, busy, or not well."""
_NO_ROOM = frozenset({"queue_full", "too_many_jobs", "storage_full"})
"""Answered once it is known that the key has made no job. That too many requests came is answered
before anybody looks."""
_KEY_IN_USE = "idempotency_key_in_use"
GONE = frozenset({404, 410})
"""Something that the request names is not there, or not any more."""


@dataclass(frozen=True)
class Made:
    """There is a job."""

    job: str


@dataclass(frozen=True)
class Later:
    """It is worth another try, after ``seconds`` where that was said."""

    reason: str
    seconds: float | None = None
    surely: bool = False
    """Nothing was made; else that is not known."""


@dataclass(frozen=True)
class Refused:
    """It will not do."""

    status: int
    error: ErrorBody


def of_request(service: str, answer: Answer) -> Made | Later | Refused:
    """Of what was posted to make a job."""
    verdict = _trouble(service, answer)
    if verdict is not None:
        return verdict
    job = answer.content.get("id")
    if isinstance(job, str) and re.fullmatch(JOB_ID, job):
        return Made(job)
    error = ErrorBody(
        code="no_job",
        message=f"{service} answered, and not with a job.",
        hint="A step's path must make one job of its body.",
    )
    return Refused(answer.status, error)


def of_job(service: str, answer: Answer) -> Mapping[str, Any] | Later | Refused:
    """Of a job that was looked at: the job, where there is one."""
    verdict = _trouble(service, answer)
    if verdict is not None:
        return verdict
    return answer.content if "state" in answer.content else Later(f"{service} makes no sense")


def _trouble(service: str, answer: Answer) -> Later | Refused | None:
    if answer.status < 300:
        return None
    error = error_of(service, answer)
    if answer.status in _LATER or error.code == _KEY_IN_USE:
        return Later(f"{service}: {error.message}", answer.retry_after, error.code in _NO_ROOM)
    return Refused(answer.status, error)


def error_of(service: str, answer: Answer) -> ErrorBody:
    """In the words of the service, where it has any."""
    match answer.content.get("error"):
        case {"code": str(code), "message": str(message), **others}:
            texts = {name: others.get(name) for name in ("param", "hint")}
            known = {name: text for name, text in texts.items() if isinstance(text, str)}
            return ErrorBody(code=code, message=message, **known)
    return ErrorBody(code="no_answer", message=f"{service} answered {answer.status}.")
