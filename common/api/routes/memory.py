"""The model of the service, in and out of memory."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, StrictBool

from common.api.auth.access import FORBIDDEN, admin_only
from common.api.bodies.json_text import StrictRoute
from common.api.service import Service, service_of
from common.contract.left_out import MayBeLeftOut
from common.contract.messages import ModelState

router = APIRouter(route_class=StrictRoute)
ServiceParam = Annotated[Service, Depends(service_of)]
ADMIN: dict[str, Any] = {"dependencies": [Depends(admin_only)], "responses": FORBIDDEN}


class ModelView(BaseModel):
    """The model's place in memory, after what was asked."""

    state: ModelState
    message: str


class UnloadBody(MayBeLeftOut):
    """How urgent it is."""

    force: StrictBool = Field(False, description="Now: a running job goes back to the queue.")


@router.post("/load", status_code=202, tags=["Memory"], summary="Warm the model", **ADMIN)
async def load(service: ServiceParam) -> ModelView:
    """Bring the model into memory before the first job; `GET /ready` says when it is there."""
    service.supervisor.load()
    return ModelView(state=service.supervisor.model.state, message="Loading begins.")


@router.post("/unload", status_code=202, tags=["Memory"], summary="Free the memory", **ADMIN)
async def unload(service: ServiceParam, body: UnloadBody | None = None) -> ModelView:
    """Free the memory as soon as the queue is empty; with `force`, now.

    With `force` a running job goes back to the queue, and starts again with its worker.
    """
    force = body is not None and body.force
    if service.supervisor.worker_pid is None:
        return ModelView(state=ModelState.UNLOADED, message="Nothing is loaded.")
    service.supervisor.unload(force=force)
    when = "now" if force else "when the queue is empty"
    return ModelView(state=service.supervisor.model.state, message=f"Unloads {when}.")
