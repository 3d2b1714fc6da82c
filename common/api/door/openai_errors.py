"""Errors as clients of OpenAI's API read them: their envelope and statuses.

https://platform.openai.com/docs/guides/error-codes
"""

from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel

from common.base.errors import ErrorBody

PREFIX = "/v1"

_USELESS_TO_REPEAT = frozenset({409, 504, 507})
"""Their client would repeat these within seconds; the answer would be the same, or a second job."""


class OpenAIErrorBody(BaseModel):
    """What happened and the way out, in one sentence or two."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIErrorView(BaseModel):
    """Every error below /v1 has this shape."""

    error: OpenAIErrorBody


def speaks_openai(path: str) -> bool:
    """Whether a path belongs to their API."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def openai_answer(
    status: int, error: ErrorBody, headers: dict[str, str] | None = None
) -> JSONResponse:
    """The answer for one of our errors; a wrong field is 400 there, not 422."""
    status = 400 if status == 422 else status
    body = OpenAIErrorBody(
        message=error.in_full,
        type=_type(status),
        param=error.param,
        code=error.code,
    )
    headers = headers or {}
    useless = status in _USELESS_TO_REPEAT and "Retry-After" not in headers
    again = {"x-should-retry": "false"} if useless else {}
    return JSONResponse({"error": body.model_dump()}, status, again | headers)


def described(**answers: str) -> dict[int | str, dict[str, Any]]:
    """Responses for the description of the API, as in ``described(_404="No such video.")``."""
    return {
        int(name.removeprefix("_")): {"model": OpenAIErrorView, "description": text}
        for name, text in answers.items()
    }


def _type(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"
