"""``/loras``: what a request's ``loras`` may name, and how it comes there."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from common.api.auth.access import FORBIDDEN, admin_only
from common.api.door.limits import Large, incoming_of
from common.api.routes.views import ErrorView
from common.api.service import Service, service_of
from common.kinds.video.intake import VideoIntake
from common.kinds.video.lora_arrivals import receive, remove
from common.kinds.video.loras import LORA_NAME, LoraFolder

router = APIRouter(tags=["Generate"])

_NAMED: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorView, "description": "No such LoRA."},
    **FORBIDDEN,
}
_SENT: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorView, "description": "There is one of that name."},
    413: {"model": ErrorView, "description": "Over `MAX_FILE_MB`."},
    422: {"model": ErrorView, "description": "No LoRA in safetensors, or an impossible name."},
    **FORBIDDEN,
}
_FILE = {"schema": {"type": "string", "format": "binary"}}
_BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": _FILE}}}


class LoraView(BaseModel):
    """A file in ``loras/`` of the models volume."""

    name: str
    size_bytes: int
    rank: int | None = Field(description="The highest of its layers; null where it cannot be read.")
    base: str | None = Field(description="The checkpoint that it says it is for.")
    trigger_words: list[str] = Field(description="What a prompt should have for it to count.")


class LorasView(BaseModel):
    """All of them, by name."""

    loras: list[LoraView]


def _loras_of(service: Annotated[Service, Depends(service_of)]) -> LoraFolder:
    intake = service.intake
    assert isinstance(intake, VideoIntake)  # noqa: S101  # of this kind
    return intake.loras


Loras = Annotated[LoraFolder, Depends(_loras_of)]
Name = Annotated[str, Path(pattern=LORA_NAME, description="As in `loras` of a request.")]


@router.get("/loras", summary="LoRAs")
async def list_loras(loras: Loras) -> LorasView:
    """What `loras` of a request may name, on checkpoints that list `lora`."""
    found = await run_in_threadpool(loras.all)
    return LorasView(loras=[LoraView(**asdict(each)) for each in found])


@router.put(
    "/loras/{name}",
    status_code=201,
    dependencies=[Depends(admin_only)],
    responses=_SENT,
    openapi_extra=_BODY,
    summary="Store a LoRA",
)
async def store_lora(name: Name, request: Request, loras: Loras) -> LoraView:
    """The body is the safetensors file as it is: `curl -T kites.safetensors .../loras/kites`.

    Needs the scope admin. It is there for all services of the same models volume, whole or not at
    all; one that is there is not replaced.
    """
    if (incoming := incoming_of(request)) is not None:
        incoming.expect(Large.FILE)
    await receive(loras, name, request.stream())
    return LoraView(**asdict(await run_in_threadpool(loras.told, name)))


@router.delete(
    "/loras/{name}",
    status_code=204,
    dependencies=[Depends(admin_only)],
    responses=_NAMED,
    summary="Remove a LoRA",
)
async def remove_lora(name: Name, loras: Loras) -> None:
    """Needs the scope admin. Jobs that are waiting for it fail, and say so."""
    await run_in_threadpool(remove, loras, name)
