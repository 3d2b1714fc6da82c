"""Reads forms from clients: each name once, and what is empty counts as left out.

Browsers send every field of a form, and every file that was not chosen: without a name, and empty.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData, UploadFile

from common.api.bodies.json_text import given_twice, json_of
from common.base.errors import InvalidRequest


@dataclass(frozen=True)
class Form:
    """What was really sent, by name."""

    texts: dict[str, str]
    files: dict[str, UploadFile]


def form_of(form: FormData, known: Callable[[str], bool]) -> Form:
    """A form without what is empty; a name that is not ``known`` stays, for it is wrong.

    Raises:
        InvalidRequest: a name is given twice, also where one is a text and one a file.
    """
    sent = Form({}, {})
    for name, value in form.multi_items():
        if _says_nothing(value) and known(name):
            continue
        if name in sent.texts or name in sent.files:
            raise given_twice(name)
        if isinstance(value, UploadFile):
            sent.files[name] = value
        else:
            sent.texts[name] = value
    return sent


def _says_nothing(value: UploadFile | str) -> bool:
    if isinstance(value, UploadFile):
        return not (value.filename or value.size)
    return not value


def check_files(files: Mapping[str, UploadFile], names: Collection[str]) -> None:
    """Refuse a file under any other name. Raises InvalidRequest."""
    for name in files:
        if name not in names:
            raise InvalidRequest(
                f"{name}: no file is taken under this name.",
                param=name,
                hint=f"Use {' or '.join(names)}.",
            )


def json_object(name: str, text: str) -> dict[str, Any]:
    """The JSON object that a form's text field holds.

    Raises:
        InvalidRequest: it holds something else.
    """
    value = json_of(text, name)
    if not isinstance(value, dict):
        raise InvalidRequest(
            f"{name}: must be a JSON object.", param=name, hint='As in {"flow_shift": 3}.'
        )
    return value


def json_list(name: str, text: str) -> Any:
    """The JSON that a form's text field holds; of an object, a list of it: forms write one so.

    Raises:
        InvalidRequest: it is no JSON.
    """
    value = json_of(text, name)
    return [value] if isinstance(value, dict) else value
