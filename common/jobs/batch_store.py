"""The part of the job store that keeps batches, as its users see it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from common.jobs.batches import Batch, BatchPage, Glance, NewBatch
from common.jobs.model import Job, NewJob


class BatchStore(Protocol):
    """Batches beside their jobs. Every method is one transaction: all of it happens, or nothing."""

    def submit_batch(
        self,
        new: NewBatch,
        new_jobs: Sequence[NewJob],
        max_unfinished: int,
        max_of_owner: int = 0,
    ) -> Batch:
        """Accept a batch and all its jobs, in order; the limits are those of ``JobStore.submit``.

        Raises:
            QueueFull: there is no room for all of them; nothing was made.
        """

    def batch(self, batch_id: str) -> Batch:
        """Read one batch. Raises BatchNotFound."""

    def batches(self, batch_ids: Sequence[str]) -> list[Batch]:
        """Those of the batches that are there, in any order."""

    def batch_page(self, *, cursor: str | None = None, limit: int = 20) -> BatchPage:
        """List batches, newest first. Raises InvalidRequest: the cursor is not one."""

    def glances(self, batch_ids: Sequence[str]) -> list[Glance]:
        """The state of every job of these batches, retried ones too.

        Batch by batch, and in each in the order of arrival.
        """

    def batch_jobs(self, batch_id: str) -> list[Job]:
        """Every job of a batch, retried ones too, in the order of arrival."""

    def cancel_batch(self, batch_id: str) -> list[Job]:
        """Cancel all unfinished jobs of a batch, and answer them as they are now.

        Raises:
            BatchNotFound, BatchConflict: unknown, or none is unfinished.
        """

    def retry_batch(
        self,
        batch_id: str,
        replacements: Mapping[str, NewJob],
        max_unfinished: int,
        max_of_owner: int = 0,
    ) -> Batch:
        """Give members new jobs, by the ids of their failed ones, which stay readable.

        Raises:
            BatchNotFound: unknown.
            BatchConflict: one of them is not the failed job of a member; nothing was made.
            QueueFull: there is no room for all of them; nothing was made.
        """

    def delete_batch(self, batch_id: str) -> list[Job]:
        """Forget a batch and its jobs, which are answered.

        Raises:
            BatchNotFound, BatchConflict: unknown, or a job is unfinished; nothing was forgotten.
        """
