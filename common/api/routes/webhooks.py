"""``GET /jobs/{id}/webhook``: whether and how the end of a job was told."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from common.api.routes.acting import find
from common.api.routes.views import ErrorView
from common.api.service import Service, service_of
from common.base.errors import WebhookNotFound
from common.jobs.outbox import Delivery, DeliveryState

router = APIRouter(prefix="/jobs", tags=["Jobs"])
ServiceParam = Annotated[Service, Depends(service_of)]
_UNKNOWN: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorView, "description": "No such job, or nobody is to be told about it."}
}


class AttemptView(BaseModel):
    """One call."""

    at: datetime
    status: int | None = Field(description="Of the answer; null where none came.")
    error: str | None = Field(description="Why no answer came.")


class WebhookView(BaseModel):
    """What was told about the end of a job, and to whom."""

    id: str | None = Field(description="`webhook-id` of every attempt; null until the job ends.")
    url: str
    state: DeliveryState = Field(
        description="`gone`: answered 410. `given_up`: the last attempt failed."
    )
    attempts: list[AttemptView]
    next_attempt_at: datetime | None


@router.get("/{job_id}/webhook", responses=_UNKNOWN, summary="Read a webhook's deliveries")
async def read_webhook(job_id: str, service: ServiceParam) -> WebhookView:
    """Every attempt to tell `webhook_url` about the job's end, and when the next one comes."""
    job = await find(service, job_id)
    if job.webhook is None:
        raise WebhookNotFound("The job has no webhook.", hint="Send webhook_url with the request.")
    delivery = await service.queue.read(service.queue.store.delivery, job_id)
    if delivery is None:
        pending = DeliveryState.PENDING
        return WebhookView(
            id=None, url=job.webhook, state=pending, attempts=[], next_attempt_at=None
        )
    return _view(delivery)


def _view(delivery: Delivery) -> WebhookView:
    pending = delivery.state is DeliveryState.PENDING
    return WebhookView(
        id=delivery.id,
        url=delivery.url,
        state=delivery.state,
        attempts=[
            AttemptView(at=_moment(one.at), status=one.status, error=one.error)
            for one in delivery.attempts
        ],
        next_attempt_at=_moment(delivery.next_at) if pending else None,
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
