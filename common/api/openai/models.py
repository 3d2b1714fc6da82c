"""``/v1/models``: the one model of this service, and whether a client means it."""

from typing import Annotated

from fastapi import APIRouter, Depends

from common.api.door.openai_errors import PREFIX, described
from common.api.openai.views import ModelListView, ModelView, model_view
from common.api.service import Service, service_of
from common.base.errors import ModelNotFound

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


def check_model(service: Service, name: str | None, *others: str) -> None:
    """Whether a client means the model of this service; ``others`` are names for it, too.

    Raises:
        ModelNotFound: it means another.
    """
    known = (service.spec.id, service.variant.name, *others)
    if name is not None and name not in known:
        raise ModelNotFound(
            f"The model {name[:100]!r} is not served here.",
            param="model",
            hint=f"Use {known[0]}, or leave model out.",
        )
