"""``GET /loras``: what a request's ``loras`` may name."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from common.api.service import Service, service_of
from common.kinds.video.intake import VideoIntake

router = APIRouter(tags=["Generate"])


class LoraView(BaseModel):
    """A file in ``loras/`` of the models volume."""

    name: str
    size_bytes: int
    rank: int | None = Field(description="The highest of its layers; null where it cannot be read.")
    base: str | None = Field(description="The checkpoint that it says it is for.")


class LorasView(BaseModel):
    """All of them, by name."""

    loras: list[LoraView]


@router.get("/loras", summary="LoRAs")
async def loras(service: Annotated[Service, Depends(service_of)]) -> LorasView:
    """What `loras` of a request may name, on checkpoints that list `lora`."""
    intake = service.intake
    assert isinstance(intake, VideoIntake)  # noqa: S101  # of this kind
    found = await run_in_threadpool(intake.loras.all)
    return LorasView(loras=[LoraView(**asdict(each)) for each in found])
