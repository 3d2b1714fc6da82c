"""``POST /train``: what ``POST /generate`` does, by the name that people look for."""

from typing import Any

from fastapi import APIRouter

from common.api.door.openapi import without_null
from common.api.routes.generate import RESPONSES, generate
from common.api.routes.views import JobView
from trainer.requests import TrainRequest

router = APIRouter(tags=["Generate"])

_FORM = without_null(TrainRequest.model_json_schema())
_CLIPS = {"type": "string", "format": "binary", "description": "ZIP of clips with captions."}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {**_FORM, "properties": {**_FORM["properties"], "clips": _CLIPS}}
            }
        },
    }
}

router.post(
    "/train",
    status_code=202,
    response_model=JobView,
    responses=RESPONSES,
    openapi_extra=_BODY,
    summary="Train a LoRA",
)(generate)
