"""A body in the shape that it must have, or the first thing that is wrong with it."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from common.base.errors import InvalidRequest, Unresolvable
from common.contract.fields import SEVERAL_FIELDS
from common.contract.left_out import MayBeLeftOut
from common.contract.words_of_errors import first_of, path_of, words_of

M = TypeVar("M", bound=BaseModel)


def validated(body: type[M], fields: Any) -> M:
    """The body that ``fields`` are. Raises InvalidRequest, naming the first wrong one."""
    try:
        return body.model_validate(fields)
    except ValidationError as exc:
        raise as_invalid_request(exc, body) from exc


def as_invalid_request(exc: ValidationError, body: type[BaseModel]) -> InvalidRequest:
    """The first thing that is wrong with a ``body``, in words for the client."""
    first = first_of(exc)
    param = path_of(first) or None
    words = words_of(first)
    about = body if issubclass(body, MayBeLeftOut) else MayBeLeftOut
    message = f"{param}: {words}." if param else f"The request: {words}."
    error = Unresolvable if first["type"] == SEVERAL_FIELDS else InvalidRequest
    hint = about.hints.get(param or "") or _hint(first, body)
    return error(message, param=param, hint=hint)


def _hint(error: ErrorDetails, body: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden" and len(error["loc"]) == 1:
        return f"The fields are: {', '.join(body.model_fields)}."
    return "See /docs for every field and its range."
