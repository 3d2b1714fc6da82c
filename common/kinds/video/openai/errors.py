"""Errors in the words of OpenAI's Videos API: what its fields are called."""

from functools import partial

from common.api.openai.naming import renamed

_THEIR_NAMES = {
    "duration": "seconds",
    "resolution": "size",
    "image": "input_reference",
    "video": "input_reference",
    "generate_audio": "generate_sound",
    "options.flow_shift": "flow_shift",
}

in_their_names = partial(renamed, _THEIR_NAMES)
"""A context in which an error that passes has their names."""
