"""The description of the API, as far as the kind of work decides it: bodies, results, words."""

import re
from typing import Any

from fastapi import FastAPI

from common.api.batches.body import BatchRequest
from common.api.door.openapi import without_null
from common.contract import Kind
from common.contract.work import ClipShown, Resolved, ResultShown

_FILE = {"type": "string", "format": "binary"}
_REFERENCE = "#/components/schemas/{model}"
_SUMMARIES = {
    ("/generate", "post"): "Make a {noun}",
    ("/generate/batch", "post"): "Make many {noun}s",
    ("/batches/{batch_id}/manifest", "get"): "List a batch's {noun}s",
    ("/batches/{batch_id}/download", "get"): "Download a batch's {noun}s",
    ("/jobs/{job_id}/preview", "get"): "A look at a {noun} that is being made",
}


def describe_kind(app: FastAPI, kind: Kind) -> None:
    """Let ``/openapi.json`` say what may be asked of this kind, and what comes of it."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        paths = document["paths"]
        paths["/generate"]["post"]["requestBody"] = _said(_body(kind))
        paths["/generate/batch"]["post"]["requestBody"] = _said(_batch(kind))
        for (path, method), words in _SUMMARIES.items():
            paths[path][method]["summary"] = words.format(noun=kind.noun)
        _show(document, kind)
        _keep_names(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's manual has it


def _body(kind: Kind) -> dict[str, Any]:
    """Of ``POST /generate``: the fields as JSON, or as a form with files."""
    schema = kind.request.model_json_schema()
    form = without_null(schema)
    with_files = {**form, "properties": {**form["properties"], **_files(kind)}}
    return _either(schema, with_files)


def _batch(kind: Kind) -> dict[str, Any]:
    schema = BatchRequest.model_json_schema()
    requests = {"type": "array", "items": kind.request.model_json_schema()}
    schema["properties"]["requests"]["anyOf"][0] = requests
    form = {
        "type": "object",
        "required": ["batch"],
        "additionalProperties": False,
        "properties": {"batch": schema, **_files(kind)},  # batch is JSON, in a part of the form
    }
    body = _either(schema, form)
    body["content"]["application/json"]["examples"] = kind.batch_examples
    return body


def _files(kind: Kind) -> dict[str, Any]:
    return {name: {**_FILE, "description": text} for name, text in kind.uploads.items()}


def _either(json: Any, form: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": json}, "multipart/form-data": {"schema": form}}
    return {"required": True, "content": content}


def _show(document: dict[str, Any], kind: Kind) -> None:
    """In place of what all kinds have in common, what this one really answers."""
    schemas = document["components"]["schemas"]
    shown = {Resolved: kind.resolved, ResultShown: kind.result_view, ClipShown: kind.clip_view}
    for common, own in shown.items():
        schema = own.model_json_schema(mode="serialization", ref_template=_REFERENCE)
        schemas |= _said(schema.pop("$defs", {}))
        schemas.pop(common.__name__, None)
        schemas[own.__name__] = _said(schema)
    names = {_REFERENCE.format(model=a.__name__): b.__name__ for a, b in shown.items()}
    _refer(document, {old: _REFERENCE.format(model=new) for old, new in names.items()})
    _link(schemas["Links"], kind)


def _said(part: Any) -> Any:
    """Without what is null, as FastAPI has it in its own part of the document."""
    if isinstance(part, list):
        return [_said(member) for member in part]
    if isinstance(part, dict):
        return {name: _said(member) for name, member in part.items() if member is not None}
    return part


def _keep_names(document: dict[str, Any]) -> None:
    """Schemas of one name are told apart by their modules; clients' code has the first names."""
    schemas = document["components"]["schemas"]
    new = {}
    for name in [name for name in schemas if name.startswith("common__")]:
        kept = re.sub("^common__.*__openai__", "common__api__openai__", name)
        kept = kept.replace("common__api__routes__", "common__api__routes_")
        schemas[kept] = schemas.pop(name)
        new[_REFERENCE.format(model=name)] = _REFERENCE.format(model=kept)
    _refer(document, new)


def _refer(part: Any, new: dict[str, str]) -> None:
    if isinstance(part, list):
        for member in part:
            _refer(member, new)
    elif isinstance(part, dict):
        if part.get("$ref") in new:
            part["$ref"] = new[part["$ref"]]
        for member in part.values():
            _refer(member, new)


def _link(links: dict[str, Any], kind: Kind) -> None:
    """A job's links name its files."""
    links.pop("additionalProperties", None)
    for file in (file for file in kind.files if file.route):
        name, text = str(file.route), {"type": "string"}
        title = name.replace("_", " ").title()
        links["properties"][name] = {"title": title, **text}
        links["required"].append(name)
        if file.optional:
            null = {"anyOf": [text, {"type": "null"}], "title": title}
            words = f"Null where the {kind.noun} has none."
            links["properties"][name] = {**null, "description": words}
