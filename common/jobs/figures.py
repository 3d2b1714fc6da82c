"""What monitoring and estimates read from the tables again and again."""

from collections.abc import Collection
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from common.jobs.model import Job, Standing
from common.jobs.outbox import DeliveryState


class Figures(BaseModel):
    """What the tables tell about failures, waiting and webhooks. Times are in seconds.

    All but ``oldest_seconds`` are totals: what was removed stays counted.
    """

    model_config = ConfigDict(frozen=True)

    failed_by_code: dict[str, int]
    waits: int
    """Jobs that were begun at all."""
    wait_seconds: float
    """Of all of them, from their arrival to their last beginning."""
    oldest_seconds: float
    """How long the first of the queued jobs has waited; 0 where none is queued."""
    deliveries: dict[DeliveryState, int]


class Figured(Protocol):
    """A store that can be monitored."""

    def figures(self) -> Figures:
        """All of it; the errors are those of ``common.jobs.store.JobStore``."""

    def standing(self, limit: int) -> list[Standing]:
        """The claimed jobs, and the first of the queue, listed in the order of their arrival."""

    def standings(self, job_ids: Collection[str]) -> list[Standing]:
        """Those of the jobs that have a row, in any order."""

    def positions(self, queued: Collection[Job]) -> dict[str, int]:
        """How many come before each of these jobs; those that are not queued are left out."""
