"""Errors in the words of OpenAI's Videos API: what its fields are called."""

from collections.abc import Collection
from contextlib import AbstractContextManager

from common.api.openai.naming import renamed

_THEIR_NAMES = {
    "duration": "seconds",
    "resolution": "size",
    "image": "input_reference",
    "image.job": "input_reference.job",
    "image.frame": "input_reference.frame",
    "generate_audio": "generate_sound",
    "options.flow_shift": "flow_shift",
}


def in_their_names(uploads: Collection[str] = ()) -> AbstractContextManager[None]:
    """A context in which an error that passes has their names.

    ``uploads`` are our fields for files that were sent: theirs has one place for all of them, while
    ``video`` without a file is a finished job, and is called so by them too.
    """
    return renamed(_THEIR_NAMES | ({"video": "input_reference"} if "video" in uploads else {}))
