"""The order of the queue, as an admin changes it: a job is moved to another place in it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from common.jobs.model import Job, JobPage


class Edge(StrEnum):
    """The two ends of the queue."""

    FRONT = "front"
    END = "end"


class Side(StrEnum):
    """Of a job."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True)
class Beside:
    """Right before or right after another queued job."""

    side: Side
    job: str


Spot = Edge | Beside
"""Where a job is to stand."""

PLACE_PATTERN = "^[0-9a-f]{16}[0-9a-f]{16}$"
"""A cursor of ``in_order``: the rank (a double) and the number of the last job that was listed."""


class Ordering(Protocol):
    """A store whose queue can be put into another order; a restart changes nothing of it."""

    def reorder(self, job_id: str, spot: Spot) -> Job:
        """Move a queued job; all others keep their order. Few rows are written, however many wait.

        Jobs that are accepted later stand where they would have stood: by their number and
        priority, ``common.jobs.schema.RANK``.

        Raises:
            JobNotFound: there is no such job, or none to stand beside; ``param`` says which.
            JobConflict: one of them is queued no longer.
            Unresolvable: a job beside itself.
        """

    def in_order(self, *, cursor: str | None = None, limit: int = 20) -> JobPage:
        """List the queued jobs in the order in which they will be claimed.

        Raises:
            InvalidRequest: the cursor is not one.
        """
