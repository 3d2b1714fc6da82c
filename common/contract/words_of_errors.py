"""What is wrong with a value, in our own words: no answer has those of a library.

A table by the type of the validation error, completed by what the library knows of the limit:
https://docs.pydantic.dev/latest/errors/validation_errors/.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from common.contract.fields import FORMS, SEVERAL_FIELDS

_WHOLE = "must be a whole number"
_NUMBER = "must be a number"
_TRUTH = "must be true or false"
_OBJECT = "must be a JSON object"
_LIST = "must be a list"
_CHOICE = "must be {expected}"
_ADDRESS = 'must be a web address, as in "https://example.com/done"'

_WORDS = {
    "missing": "must be given",
    "extra_forbidden": "there is no such field",
    "none_required": "must be left out",
    "string_type": "must be text",
    "string_sub_type": "must be text",
    "string_unicode": "must be text that can be written as UTF-8",
    "string_ascii": "must be plain ASCII",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": f"{_WHOLE} with fewer digits",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "multiple_of": "must be a multiple of {multiple_of}",
    "literal_error": _CHOICE,
    "enum": _CHOICE,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "iterable_type": _LIST,
    "union_tag_not_found": "must have {discriminator}",
    "union_tag_invalid": "must have one of {expected_tags} as {discriminator}",
    "url_type": _ADDRESS,
    "url_parsing": _ADDRESS,
    "url_syntax_violation": _ADDRESS,
    "url_scheme": "must begin with http:// or https://",
    "url_too_long": "may have at most {max_length} characters",
    "json_invalid": "must be JSON",
    "json_type": "must be JSON text",
    "invalid_key": "its names must be text",
    "recursion_loop": "is nested in itself",
}
_OTHERWISE = "is nothing that can be taken here"
_MARK = re.compile(r"\[\w+\]")
"""In a path, what is no name: the library's ``[key]`` at an error in a name, whose path is that of
its value, and our tags of the forms that one field can have."""
_OURS = frozenset({"value_error", SEVERAL_FIELDS})
"""Raised by our own validators, in our own words."""


def words_of(error: ErrorDetails) -> str:
    """One error without the name of its field, which goes in front, and without a full stop."""
    kind, limits = error["type"], error.get("ctx", {})
    if kind in _OURS:
        return str(limits["error"]) if kind == "value_error" else error["msg"]
    if kind in _BY_INPUT:
        return _BY_INPUT[kind](error["input"], limits)
    template = _WORDS.get(kind, _OTHERWISE)
    return template.format_map({name: _shown(value) for name, value in limits.items()})


def first_of(exc: ValidationError) -> ErrorDetails:
    """The error that a client is told; the others wait until that one is mended."""
    return exc.errors(include_url=False)[0]


def path_of(error: ErrorDetails) -> str:
    """The field of one error, as in ``options.flow_shift``; empty where it is the whole."""
    return ".".join(str(part) for part in error["loc"] if not _MARK.fullmatch(str(part)))


def _too_short(sent: Any, limits: Mapping[str, Any]) -> str:
    least = limits["min_length"]
    return "must not be empty" if least == 1 else f"must have at least {least} {_parts(sent)}"


def _too_long(sent: Any, limits: Mapping[str, Any]) -> str:
    return f"may have at most {limits['max_length']} {_parts(sent)}; it has {len(sent)}"


def _parts(sent: Any) -> str:
    return "characters" if isinstance(sent, str) else "entries"


def _malformed(_text: Any, limits: Mapping[str, Any]) -> str:
    return FORMS.get(limits["pattern"], "is not written as it must be")


_BY_INPUT: Mapping[str, Callable[[Any, Mapping[str, Any]], str]] = {
    "string_too_short": _too_short,
    "string_too_long": _too_long,
    "too_short": _too_short,
    "too_long": _too_long,
    "string_pattern_mismatch": _malformed,
}


def _shown(limit: Any) -> str:
    """A limit as people write it: 240, not 240.0."""
    return str(int(limit) if isinstance(limit, float) and limit.is_integer() else limit)
