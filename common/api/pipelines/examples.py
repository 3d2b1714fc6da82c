"""The body of ``POST /pipelines`` in the description of the API: the route reads it by hand."""

from typing import Any

from common.api.pipelines.body import PipelineRequest

_EXAMPLES: dict[str, Any] = {
    "two": {
        "summary": "A second job that begins with the first one's file",
        "value": {
            "name": "a kite",
            "steps": [
                {"name": "clip", "body": {"prompt": "A red kite over the sea"}},
                {
                    "name": "longer",
                    "body": {"prompt": "It falls into the sea", "extend": {"step": "clip"}},
                },
            ],
        },
    }
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": PipelineRequest.model_json_schema(),
                "examples": _EXAMPLES,
            }
        },
    }
}
