"""The description of the API, completed by what only this service knows: its model's options."""

import functools
import threading
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from starlette.routing import compile_path

from common.base.errors import StoreUnavailable
from common.contract import ModelSpec
from common.contract.left_out import NULL, or_null, say_null

OPTIONS = "Options"
_ASK_THE_STORE = ("/generate", "/jobs", "/batches", "/pipelines", "/queue/", "/metrics", "/v1/")
_ASK_NOTHING = "/v1/models"


def describe_options(app: FastAPI, spec: ModelSpec) -> None:
    """Let ``/openapi.json`` say what ``options`` may hold, in every body that takes them."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        schema = spec.options.model_json_schema(ref_template="#/components/schemas/{model}")
        parts = document["components"]["schemas"]
        parts.update(schema.pop("$defs", {}))
        say_null(schema)
        parts[OPTIONS] = schema
        _refer(document, spec.kind.option_bodies)
        _tell_of_outages(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's manual has it


def describe_once(app: FastAPI) -> None:
    """Complete the description once, and let no thread see it before it is complete."""
    plain, lock = app.openapi, threading.Lock()

    @functools.cache
    def complete() -> dict[str, Any]:
        document = plain()
        _lift(document, document.get("components", {}).get("schemas", {}))
        return document

    def openapi() -> dict[str, Any]:
        with lock:
            return complete()

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's manual has it


def methods_at(app: FastAPI, path: str) -> list[str]:
    """All methods that a path takes, as it is described; the router itself names one route's."""
    for template, methods in app.openapi()["paths"].items():
        if compile_path(template)[0].match(path):
            named = [method.upper() for method in methods]
            return [*named, "HEAD"] if "GET" in named else named
    return ["GET", "HEAD"]  # pages that are not described, as /docs


def without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a form: what is left out is not sent, and no field can be null."""
    properties = {name: _not_null(value) for name, value in schema["properties"].items()}
    return {**schema, "properties": properties}


def _not_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in schema.get("anyOf", ()) if choice != NULL]
    if len(choices) != 1:
        return schema
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**rest, **choices[0]}


def _tell_of_outages(document: Mapping[str, Any]) -> None:
    """Every route that asks the job store may be answered by its 503."""
    wait = {"schema": {"type": "integer"}, "description": "Seconds until it is worth another try."}
    for path, operations in document["paths"].items():
        if not path.startswith(_ASK_THE_STORE) or path.startswith(_ASK_NOTHING):
            continue
        view = "OpenAIErrorView" if path.startswith("/v1") else "ErrorView"
        schema = {"$ref": f"#/components/schemas/{view}"}
        for operation in operations.values():
            answer = operation["responses"].setdefault(
                str(StoreUnavailable.status),
                {
                    "description": "The job database does not answer.",
                    "content": {"application/json": {"schema": schema}},
                },
            )
            answer["headers"] = {"Retry-After": wait}


def _lift(part: Any, schemas: dict[str, Any]) -> None:
    """Definitions within a body are looked for in ``components``, where all readers find them."""
    if isinstance(part, list):
        for member in part:
            _lift(member, schemas)
    elif isinstance(part, dict):
        for name, schema in part.pop("$defs", {}).items():
            schemas.setdefault(name, schema)
        if str(part.get("$ref")).startswith("#/$defs/"):
            part["$ref"] = part["$ref"].replace("#/$defs/", "#/components/schemas/")
        for member in list(part.values()):
            _lift(member, schemas)


def _refer(part: Any, bodies: frozenset[str]) -> None:
    if isinstance(part, list):
        for member in part:
            _refer(member, bodies)
    elif isinstance(part, dict):
        if str(part.get("title")) in bodies and "options" in part.get("properties", {}):
            null = NULL in part["properties"]["options"].get("anyOf", ())
            options = {"$ref": f"#/components/schemas/{OPTIONS}"}
            part["properties"]["options"] = or_null(options) if null else options
        for member in part.values():
            _refer(member, bodies)
