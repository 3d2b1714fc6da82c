"""``/v1/models``: the one model of this service."""

from typing import Annotated

from fastapi import APIRouter, Depends

from common.api.door.openai_errors import PREFIX, described
from common.api.service import Service, service_of
from common.kinds.video.openai.requests import check_model
from common.kinds.video.openai.views import ModelListView, ModelView, model_view

router = APIRouter(prefix=f"{PREFIX}/models", tags=["OpenAI"])
ServiceParam = Annotated[Service, Depends(service_of)]


@router.get("", summary="List models")
async def list_models(service: ServiceParam) -> ModelListView:
    """Each service has one model; the siblings answer on their own ports."""
    return ModelListView(data=[model_view(service)])


@router.get(
    "/{model_id:path}", responses=described(_404="It is not served here."), summary="Read a model"
)
async def retrieve_model(model_id: str, service: ServiceParam) -> ModelView:
    """By the service's id, or by the checkpoint's name."""
    check_model(service, model_id)
    return model_view(service)
