"""Which finished files may go: the job store's side of keeping them for a while."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from common.jobs.model import Job


@dataclass(frozen=True)
class OnDisk:
    """A completed job whose files are on disk, and nobody keeps. ``size``: bytes."""

    id: str
    folder: str
    size: int


@dataclass(frozen=True)
class Shelf:
    """What is on disk, kept files included: so many jobs, so many bytes."""

    amount: int
    size: int


class Retention(Protocol):
    """A store that knows how much there is, and what of it is oldest."""

    def keep(self, job_id: str, *, kept: bool) -> Job:
        """Mark a completed job: its files stay until that is taken back.

        Raises:
            JobNotFound, JobConflict: unknown; not completed, or its files have gone.
        """

    def unmeasured(self, limit: int) -> Mapping[str, str]:
        """Folders of completed jobs whose size nobody has written down yet, by id."""

    def measured(self, sizes: Mapping[str, int]) -> None:
        """Write sizes down, in bytes by id."""

    def shelf(self) -> Shelf:
        """All that this model has on disk."""

    def owners_over(self, size: int) -> Mapping[str, int]:
        """Who has more bytes on disk than that, and how many."""

    def oldest(
        self, limit: int, *, ended_before: float | None = None, owner: str | None = None
    ) -> Sequence[OnDisk]:
        """What may go, the first that ended first; of one owner, where one is named."""

    def expire(self, job_ids: Sequence[str]) -> list[str]:
        """Say of these that their files go, for good; answers those of which it was said.

        Not of one that somebody has kept or removed meanwhile, nor of one that has gone already.
        """
