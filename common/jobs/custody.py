"""Whose files are whose: the job store's side of keeping the outputs folder."""

from collections.abc import Collection, Sequence
from typing import Protocol

from common.jobs.model import Job


class Custody(Protocol):
    """A store that finished videos can be compared with, and brought back into."""

    @property
    def model(self) -> str:
        """Whose jobs these are."""

    def identity(self) -> str | None:
        """The name that this model's outputs bear too; None for a database that never had any."""

    def set_identity(self, identity: str) -> None:
        """Belong to these outputs from now on."""

    def known(self, job_ids: Collection[str]) -> dict[str, Job]:
        """Those of the jobs that have a row, by id. All at once: there may be thousands."""

    def deleted(self, job_ids: Collection[str]) -> set[str]:
        """Those of the jobs that somebody removed, and whose files may have been left."""

    def forget_deleted(self) -> None:
        """No file of a removed job is left."""

    def restore(self, lost: Sequence[Job]) -> int:
        """Write rows for completed jobs that have none, in this order; answers how many.

        Their ``number`` is given anew. A row that is there stays as it is.
        """
