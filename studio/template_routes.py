"""``GET /video/templates``: looks of an edit by their names."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from common.api.service import Service, service_of
from studio.intake import StudioIntake

router = APIRouter(tags=["Cutting room"])


class EditTemplateView(BaseModel):
    """A look of an edit."""

    name: str
    description: str
    values: dict[str, Any] = Field(description="What is used where a request does not say.")


class EditTemplatesView(BaseModel):
    """All that `template` of an edit may be."""

    templates: list[EditTemplateView]


@router.get("/video/templates", summary="Templates of edits")
async def templates(service: Annotated[Service, Depends(service_of)]) -> EditTemplatesView:
    """What `template` of `POST /video/edit` sets where a request leaves it out."""
    intake = service.intake
    assert isinstance(intake, StudioIntake)  # noqa: S101  # of this kind
    found = await run_in_threadpool(intake.templates.all)
    return EditTemplatesView(
        templates=[
            EditTemplateView(name=one.name, description=one.description, values=one.said)
            for one in found
        ]
    )
