"""What a service says of itself: the description of its API, and the settings that it reads."""

import gzip
import json
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings

import tests.toy.app  # noqa: F401  # brings in all that a service is made of, wherever it lies
from tests.live import LiveService

HERE = Path(__file__).parent
SETTINGS = HERE / "settings.json"
MODULES = {
    "ltx2": "ltx2.app",
    "magi1": "magi1.app",
    "toy": "tests.toy.app",
    "wan21": "wan21.app",
    "waver": "waver.app",
}
NOWHERE = object()


def document_file(model: str) -> Path:
    """Where the document of a service is stored."""
    return HERE / "openapi" / f"{model}.json.gz"


def stored_document(model: str) -> Any:
    """The OpenAPI document as the release before answered it."""
    return json.loads(gzip.decompress(document_file(model).read_bytes()))


def documents() -> dict[str, Any]:
    """The OpenAPI document of each service, as it answers it now."""
    with ThreadPoolExecutor(3) as starts:
        return dict(zip(MODULES, starts.map(_document, MODULES), strict=True))


def _document(model: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        service = LiveService(Path(folder), MODULES[model], model)
        try:
            return service.start().get("/openapi.json")
        finally:
            service.close()


def held(document: Any) -> Any:
    """What of a document must stay: all but its texts, examples and the version.

    A *field* that is called ``description`` or ``examples`` stays: its value is no text, no list.
    """
    kept = _without_texts(document)
    kept["info"].pop("version")
    return kept


def _without_texts(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_texts(member) for member in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _without_texts(value)
        for name, value in part.items()
        if not isinstance(value, {"description": str, "examples": list}.get(name, ()))
    }


def differences(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """Where one does not hold what the other promised, a line each; in any order of names.

    What is new may come: nobody was promised that it would not. So may a form more that a field of
    a request can have, and a value more that a setting can.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted(before):
            yield from differences(before[name], now.get(name, NOWHERE), f"{path} > {name}")
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, pair in enumerate(zip(before, now, strict=True)):
            yield from differences(*pair, f"{path} > {index}")
    elif isinstance(before, list) and isinstance(now, list) and _may_have_more(path):
        for part in before:
            if all(any(differences(part, one, path)) for one in now):
                yield from differences(part, NOWHERE, path)
    elif before != now:
        yield f"{path.removeprefix(' > ')}: {_said(before)} before, {_said(now)} now"


def _may_have_more(path: str) -> bool:
    form = path.endswith(" > anyOf") and " > requestBody > " in path
    return form or re.fullmatch(r" > [A-Z0-9_]+ > enum", path) is not None


def _said(part: Any) -> str:
    text = "nothing" if part is NOWHERE else json.dumps(part, sort_keys=True)
    return text if len(text) < 100 else f"{text[:100]}..."


def settings() -> dict[str, Any]:
    """Type, bounds and default of every setting, by its name in the environment."""
    found: dict[str, Any] = {}
    for part in sorted(_parts(BaseSettings), key=lambda part: len(part.model_fields)):
        schema = part.model_json_schema(by_alias=False)
        found |= {name.upper(): _setting(one) for name, one in schema["properties"].items()}
    return dict(sorted(found.items()))


def _parts(base: type[BaseSettings]) -> Iterator[type[BaseSettings]]:
    """The classes that settings are put together from, and what they are put together to."""
    for part in base.__subclasses__():
        yield from _parts(part)
        if part.model_fields and part.__module__.startswith("common."):
            yield part


def _setting(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in ("description", "title")}
