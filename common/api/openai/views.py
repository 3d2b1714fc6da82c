"""The model of a service, as OpenAI's clients read it."""

from typing import Literal

import psutil
from pydantic import BaseModel, Field

from common.api.service import Service


class ModelView(BaseModel):
    """A model that can be asked for."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="When this service started, in seconds since 1970.")
    owned_by: str = Field(description="Who published the checkpoint.")
    root: str = Field(description="The checkpoint; taken as a model's name, too.")
    stands_in_for: str | None = Field(description="The model that this checkpoint is not.")


class ModelListView(BaseModel):
    """The one model of this service."""

    object: Literal["list"] = "list"
    data: list[ModelView]


def model_view(service: Service) -> ModelView:
    """The model of this service."""
    return ModelView(
        id=service.spec.id,
        created=int(psutil.Process().create_time()),
        owned_by=service.variant.checkpoint.partition("/")[0],
        root=service.variant.name,
        stands_in_for=service.variant.stands_in_for,
    )
