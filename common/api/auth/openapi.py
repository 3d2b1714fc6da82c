"""What the OpenAPI document says of keys: the schemes, and which routes need one."""

import copy
import functools
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from common.api.auth.access import COOKIE, Access
from common.api.door.openai_errors import speaks_openai

_SCHEMES: dict[str, dict[str, str]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or a JSON Web Token where tokens are set up.",
    },
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "For browsers: `POST /auth/session` answers it.",
    },
}


def install(app: FastAPI, access: Access) -> None:
    """Let the document of an application say it, as long as a key is needed at all."""
    plain = app.openapi

    @functools.cache
    def described(*, required: bool) -> dict[str, Any]:
        document = copy.deepcopy(plain())  # the other one is of before there was a key
        document.setdefault("components", {})["securitySchemes"] = _SCHEMES
        if required:
            for path, operation in _operations(document):
                _secure(path, operation, access)
        return document

    def openapi() -> dict[str, Any]:
        return described(required=access.authenticator.required)

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for operation in item.values():
            yield path, operation


def _secure(path: str, operation: dict[str, Any], access: Access) -> None:
    if access.is_open(path):
        operation["security"] = []
        return
    operation["security"] = [{name: []} for name in _SCHEMES]
    view = "OpenAIErrorView" if speaks_openai(path) else "ErrorView"
    schema = {"$ref": f"#/components/schemas/{view}"}
    operation["responses"].setdefault(
        "401",
        {
            "description": "No key, or one that is not good.",
            "content": {"application/json": {"schema": schema}},
        },
    )
