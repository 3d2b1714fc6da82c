"""Errors in the words of one of OpenAI's APIs: what its fields are called."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from common.base.errors import ErrorBody, VideosDGXError


@contextmanager
def renamed(theirs: Mapping[str, str]) -> Iterator[None]:
    """Rename our fields to theirs in an error that passes; ``theirs`` are by ours."""
    try:
        yield
    except VideosDGXError as exc:
        exc.body = _renamed(exc.body, theirs)
        raise


def _renamed(error: ErrorBody, theirs: Mapping[str, str]) -> ErrorBody:
    name = theirs.get(error.param or "")
    if error.param is None or name is None:
        return error
    message = error.message
    if message.startswith(error.param):
        message = name + message.removeprefix(error.param)
    return error.model_copy(update={"param": name, "message": message})
