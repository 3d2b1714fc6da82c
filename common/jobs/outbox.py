"""What receivers still have to be told about ended jobs, and how telling them went.

A delivery is a row that is made in the transaction that ends its job: a job whose end is on disk
has its delivery on disk too, and never two, since the row's key is the job.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from common.base.errors import ErrorBody
from common.jobs.model import Job
from common.jobs.states import JobState


class DeliveryState(StrEnum):
    """Where a delivery is. All but ``pending`` are ends."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GONE = "gone"
    """The receiver answered 410: it wants no more."""
    GIVEN_UP = "given_up"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Attempt(_Record):
    """One try: when (seconds since the epoch), the answer's status, or why there was none."""

    at: float
    status: int | None = None
    error: str | None = None


class Delivery(_Record):
    """One message to one receiver. ``id`` and ``body`` stay the same over all attempts."""

    id: str
    job: str
    url: str
    body: str
    state: DeliveryState
    next_at: float
    """When it is tried next; while it is being tried, when somebody else may try."""
    wait: float | None = None
    """Seconds from when that was set; None in rows of earlier versions."""
    attempts: tuple[Attempt, ...] = ()


class EventLinks(_Record):
    """Where the details are; paths, since a service does not know its own public name."""

    self: str
    download: str | None


class EventData(_Record):
    """Which job, and how it ended. What was asked and made is behind ``links.self``."""

    id: str
    model: str
    state: JobState
    error: ErrorBody | None
    links: EventLinks


class Event(_Record):
    """The body of a webhook."""

    type: str
    timestamp: datetime
    data: EventData


class Outbox(Protocol):
    """Deliveries that survive anything; the errors are those of ``common.jobs.store.JobStore``."""

    def claim_delivery(
        self, lease_seconds: float, busy_hosts: Collection[str] = ()
    ) -> Delivery | None:
        """Take the delivery that is due first, if its host is not busy.

        Nobody else gets it for ``lease_seconds``; after that somebody may, so that a delivery
        whose sender died is not lost.
        """

    def settle_delivery(self, told: Delivery) -> None:
        """Record the last attempt, the state, and when to try next.

        It is forgotten at its end where its job was removed; else when that is removed.
        """

    def hasten_deliveries(self) -> int:
        """Make due what lies further ahead than it was ever put: the clock was put back.

        Answers how many there were.
        """

    def delivery(self, job_id: str) -> Delivery | None:
        """The delivery of a job; None while it runs, and where nobody is to be told."""

    def count_deliveries(self) -> dict[DeliveryState, int]:
        """How many of each kind there have been: those of removed jobs stay counted."""


def receiver_of(url: str) -> str:
    """Which deliveries share a receiver: those of one host and port.

    Never raises: it runs in the transaction that ends a job.
    """
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def event_of(job: Job) -> Event:
    """What is told about an ended job."""
    base = f"/jobs/{job.id}"
    download = f"{base}/download" if job.state is JobState.COMPLETED else None
    data = EventData(
        id=job.id,
        model=job.model,
        state=job.state,
        error=job.error,
        links=EventLinks(self=base, download=download),
    )
    moment = datetime.fromtimestamp(job.finished_at or 0, UTC)
    return Event(type=f"job.{job.state.value}", timestamp=moment, data=data)
