"""A batch as everybody sees it: a record whose members are ordinary jobs."""

from pydantic import BaseModel, ConfigDict

from common.base.errors import ErrorBody
from common.jobs.model import Progress
from common.jobs.states import JobState

LABEL_CHARS = 200
"""How much of a prompt a member keeps, so that a person recognises it."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Member(_Record):
    """One request of a batch: a job, or the reason why there is none. Its place is its index."""

    prompt: str
    """Its beginning only."""
    job: str | None = None
    error: ErrorBody | None = None
    earlier: tuple[str, ...] = ()
    """Failed jobs that were retried, the first one first."""


class NewBatch(_Record):
    """A batch before it is accepted."""

    id: str
    model: str
    owner: str = ""
    name: str | None = None
    members: tuple[Member, ...]


class Batch(NewBatch):
    """A batch in the store. ``number`` is the order of arrival; times are of the epoch."""

    number: int
    created_at: float

    @property
    def job_ids(self) -> list[str]:
        """The present jobs of its members, retried ones left out."""
        return [member.job for member in self.members if member.job is not None]


class BatchPage(_Record):
    """Batches, newest first; ``next_cursor`` continues the list, None at its end."""

    batches: tuple[Batch, ...]
    next_cursor: str | None


class Glance(_Record):
    """What a batch shows of a job. Light: a watched batch is looked at many times a minute."""

    id: str
    batch: str
    state: JobState
    progress: Progress
    error: ErrorBody | None
