"""Errors in the words of OpenAI's Videos API: what its fields are called."""

from collections.abc import Iterator
from contextlib import contextmanager

from common.base.errors import ErrorBody, VideosDGXError

_THEIR_NAMES = {
    "duration": "seconds",
    "resolution": "size",
    "image": "input_reference",
    "video": "input_reference",
    "generate_audio": "generate_sound",
    "options.flow_shift": "flow_shift",
}


@contextmanager
def in_their_names() -> Iterator[None]:
    """Rename our fields to theirs in an error that passes."""
    try:
        yield
    except VideosDGXError as exc:
        exc.body = _renamed(exc.body)
        raise


def _renamed(error: ErrorBody) -> ErrorBody:
    theirs = _THEIR_NAMES.get(error.param or "")
    if error.param is None or theirs is None:
        return error
    message = error.message
    if message.startswith(error.param):
        message = theirs + message.removeprefix(error.param)
    return error.model_copy(update={"param": theirs, "message": message})
