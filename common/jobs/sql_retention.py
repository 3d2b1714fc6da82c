"""The job store's side of keeping files for a while, on SQLAlchemy Core."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, true, update

from common.base.errors import JobConflict
from common.jobs.model import Job
from common.jobs.retention import OnDisk, Shelf
from common.jobs.schema import LOOSE, ON_DISK, UNMEASURED, jobs, shelves
from common.jobs.sql_base import SqlBase, chunks
from common.jobs.sql_uploads import folder_in


class SqlRetention(SqlBase):
    """See ``common.jobs.retention.Retention``."""

    def keep(self, job_id: str, *, kept: bool) -> Job:
        mine = and_(self._mine(), jobs.c.id == job_id, ON_DISK)
        statement = update(jobs).where(mine).values(kept=kept).returning(jobs)
        with self._writing() as connection:
            row = connection.execute(statement).one_or_none()
            if row is not None:
                if not kept:
                    self._note_unkept(connection, row)
                return self._job(row)
            job = self._one(connection, job_id)
        why = "its files have gone" if job.expired_at is not None else f"it is {job.state}"
        why = "its files are in a bucket" if job.in_bucket else why
        raise JobConflict(f"The job cannot be kept: {why}.", hint="Only what is there can be kept.")

    def unmeasured(self, limit: int) -> Mapping[str, str]:
        query = select(jobs.c.id, jobs.c.result).where(self._everyones(), UNMEASURED)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(jobs.c.number).limit(limit)).all()
        return {row.id: folder_in(row.result) for row in rows}

    def measured(self, sizes: Mapping[str, int]) -> None:
        with self._writing() as connection:
            self._one_writer(connection)
            for job_id, size in sizes.items():
                mine = and_(self._everyones(), jobs.c.id == job_id)
                connection.execute(update(jobs).where(mine).values(size=size))

    def shelf(self) -> Shelf:
        table = shelves.c
        sums = (func.coalesce(func.sum(column), 0) for column in (table.amount, table.size))
        query = select(*sums).where(table.model == self.model)
        with self._reading() as connection:
            amount, size = connection.execute(query).one()
        return Shelf(int(amount), int(size))

    def owners_over(self, size: int) -> Mapping[str, int]:
        table = shelves.c
        query = select(table.owner, table.size).where(table.model == self.model, table.size > size)
        with self._reading() as connection:
            return {row.owner: row.size for row in connection.execute(query)}

    def oldest(
        self, limit: int, *, ended_before: float | None = None, owner: str | None = None
    ) -> Sequence[OnDisk]:
        where = [self._everyones(), self._loose()]
        where += [] if ended_before is None else [jobs.c.finished_at < ended_before]
        where += [] if owner is None else [jobs.c.owner == owner]
        query = select(jobs.c.id, jobs.c.result, jobs.c.size).where(*where)
        order = query.order_by(jobs.c.finished_at, jobs.c.number).limit(limit)
        with self._reading() as connection:
            rows = connection.execute(order).all()
        return [OnDisk(row.id, folder_in(row.result), row.size or 0) for row in rows]

    def expire(self, job_ids: Sequence[str]) -> list[str]:
        gone: list[str] = []
        changes: dict[str, Any] = {"expired_at": self._clock()}
        with self._writing() as connection:
            self._one_writer(connection)  # two could wait for each other's shelves
            for some in chunks(job_ids):
                loose = and_(self._ours_among(some), self._loose())
                statement = update(jobs).where(loose).values(changes).returning(jobs.c.id)
                gone += connection.execute(statement).scalars()
        return gone

    def _loose(self) -> ColumnElement[bool]:
        """Of files that a bucket is to have, only those that it has."""
        return LOOSE if self._place is None else and_(LOOSE, jobs.c.awaited.is_not(true()))
