"""The part of the job store for jobs that are made together."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, Row, select, update

from common.base.logs import get_logger
from common.jobs.model import Job
from common.jobs.rows import unreadable_record
from common.jobs.schema import LINE, jobs
from common.jobs.sql_base import SqlBase
from common.jobs.statements import held
from common.jobs.states import Event

log = get_logger("jobs")


class SqlFusing(SqlBase):
    """See ``common.jobs.store.JobStore``."""

    def claim_more(
        self, worker: str, head: Job, limit: int, accepted_before: float | None = None
    ) -> list[Job]:
        def joins(row: Row[Any]) -> bool:
            in_time = accepted_before is None or row.created_at < accepted_before
            return row.shape == head.shape and not row.alone and in_time

        with self._writing() as connection:
            ahead = takewhile(joins, self._front(connection, limit))
            numbers = [row.number for row in ahead]
            if not numbers or not self._mark(connection, head, len(numbers) + 1):
                return []
            rows = [self._join(connection, number, worker, len(numbers) + 1) for number in numbers]
            claimed = [self._readable(connection, row) for row in rows if row is not None]
        return [job for job in claimed if job is not None]

    def _front(self, connection: Connection, limit: int) -> Sequence[Any]:
        """The first that may be claimed, locked: nobody else claims them in between."""
        query = (
            select(jobs.c.number, jobs.c.shape, jobs.c.alone, jobs.c.created_at)
            .where(self._claimable())
            .order_by(*LINE)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return connection.execute(query).all()

    def _mark(self, connection: Connection, head: Job, fused: int) -> bool:
        """Note on the head that it is not alone; False where its claim is no longer ours."""
        statement = update(jobs).where(held(head.id, head.token or "")).values(fused=fused)
        return connection.execute(statement).rowcount == 1

    def _readable(self, connection: Connection, row: Row[Any]) -> Job | None:
        """The job of a row just claimed; None where it cannot be read: that one has failed then."""
        job = self._job(row)
        if not job.unreadable:
            return job
        reason = unreadable_record(job)
        log.error("a job cannot be read", extra={"job_id": job.id, "columns": job.unreadable})
        changes = {"error": reason.model_dump_json()}
        self._move(connection, Event.FAIL, jobs.c.number == row.number, changes)
        return None

    def _join(
        self, connection: Connection, number: int, worker: str, fused: int
    ) -> Row[Any] | None:
        changes = self._claim_changes(worker, fused)
        return self._move(connection, Event.CLAIM, jobs.c.number == number, changes)
