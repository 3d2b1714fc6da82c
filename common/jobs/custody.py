"""Whose files are whose: the job store's side of keeping the outputs folder."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from common.jobs.model import Job
from common.jobs.states import ENDED, JobState


@dataclass(frozen=True)
class Files:
    """What a job's row says about its files.

    ``state`` is None where the row cannot be read: then nothing of it may go.
    """

    state: JobState | None
    folder: str | None = None
    """Where its files are, once it is completed."""

    @property
    def needless(self) -> bool:
        """Whether the job has ended without a file, or its files had their time. Both for good."""
        return self.state in ENDED and self.folder is None


class Custody(Protocol):
    """A store that finished files can be compared with, and brought back into."""

    @property
    def model(self) -> str:
        """Whose jobs these are."""

    @property
    def record(self) -> type[Job]:
        """A job as this store reads it: of the service's kind."""

    def identity(self) -> str | None:
        """The name that this model's outputs bear too; None for a database that never had any."""

    def set_identity(self, identity: str) -> None:
        """Belong to these outputs from now on."""

    def known(self, job_ids: Collection[str]) -> dict[str, Job]:
        """Those of the jobs that have a row, by id. All at once: there may be thousands."""

    def files_of(self, job_ids: Collection[str]) -> dict[str, Files]:
        """Those of the jobs that have a row, by id, and what their files are then."""

    def deleted(self, job_ids: Collection[str]) -> set[str]:
        """Those of the jobs that somebody removed, and whose files may have been left."""

    def removed(self, limit: int) -> list[str]:
        """Up to so many of all those, in no order."""

    def forget_removed(self, job_ids: Collection[str]) -> None:
        """No file of these is left."""

    def restore(self, lost: Sequence[Job]) -> int:
        """Write rows for completed jobs that have none, in this order; answers how many.

        Their ``number`` is given anew. A row that is there stays as it is.
        """
