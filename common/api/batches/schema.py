"""How the body of a batch is described in the OpenAPI document."""

from typing import Any

from common.api.batches.body import BatchRequest

_EXAMPLES: dict[str, Any] = {
    "requests": {
        "summary": "Whole requests",
        "value": {
            "name": "animals",
            "requests": [
                {"prompt": "A cat walking on a beach", "seed": 1},
                {"prompt": "A dog in the snow", "duration": 3},
            ],
        },
    },
    "varied": {
        "summary": "One request with two prompts and three seeds: six videos",
        "value": {
            "request": {"duration": 3, "resolution": "1024x576"},
            "prompts": ["A cat walking on a beach", "A dog in the snow"],
            "seeds": [1, 2, 3],
        },
    },
}
_FILE = {"type": "string", "format": "binary"}


def batch_schema() -> dict[str, Any]:
    """The ``requestBody`` of ``POST /generate/batch``."""
    form = {
        "type": "object",
        "required": ["batch"],
        "additionalProperties": False,
        "properties": {
            "batch": BatchRequest.model_json_schema(),  # as JSON, in a part of the form
            "image": {**_FILE, "description": "A picture: every video begins with it."},
            "video": {**_FILE, "description": "MP4, MOV, MKV or WebM: every video continues it."},
        },
    }
    json = {"schema": BatchRequest.model_json_schema(), "examples": _EXAMPLES}
    content = {"application/json": json, "multipart/form-data": {"schema": form}}
    return {"required": True, "content": content}
