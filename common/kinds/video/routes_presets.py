"""``GET /presets``: values by one word, and prompts with places left open."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from common.api.service import Service, service_of
from common.kinds.video.intake import VideoIntake
from common.kinds.video.presets import values_of
from common.kinds.video.templates.template import Template

router = APIRouter(tags=["Generate"])


class PresetView(BaseModel):
    """A level of quality, on the checkpoint that is served now."""

    name: str
    description: str
    values: dict[str, Any] = Field(description="What is used where a request does not say.")


class PresetsView(BaseModel):
    """All that `preset` and `template` may be."""

    presets: list[PresetView]
    templates: list[Template]


@router.get("/presets", summary="Presets and templates")
async def presets(service: Annotated[Service, Depends(service_of)]) -> PresetsView:
    """What `preset` sets, and the prompts that `template` makes of `variables`."""
    intake = service.intake
    assert isinstance(intake, VideoIntake)  # noqa: S101  # of this kind
    variant = intake.variant
    return PresetsView(
        presets=[
            PresetView(
                name=preset.name,
                description=preset.description,
                values=values_of(preset, variant),
            )
            for preset in variant.presets
        ],
        templates=await run_in_threadpool(intake.templates.all),
    )
