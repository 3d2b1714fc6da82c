"""The job store's side of keeping the outputs folder, on SQLAlchemy Core."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from sqlalchemy import delete, insert, select

from common.jobs.deadline import within
from common.jobs.model import Job
from common.jobs.rows import from_row, to_row
from common.jobs.schema import deleted_jobs, identities, jobs
from common.jobs.sql_base import SqlBase
from common.jobs.statements import DONE
from common.jobs.states import JobState

AT_ONCE = 500
"""Ids in one statement; SQLite takes 999 parameters where it is old."""

RESTORE_SECONDS = 600.0
"""Thousands of rows may take so long; no client waits for them."""


class SqlCustody(SqlBase):
    """See ``common.jobs.custody.Custody``."""

    def identity(self) -> str | None:
        query = select(identities.c.id).where(identities.c.model == self.model)
        with self._reading() as connection:
            return connection.execute(query).scalar_one_or_none()

    def set_identity(self, identity: str) -> None:
        row = {"model": self.model, "id": identity}
        with self._writing() as connection:
            self._one_writer(connection)
            connection.execute(delete(identities).where(identities.c.model == self.model))
            connection.execute(insert(identities), row)

    def known(self, job_ids: Collection[str]) -> dict[str, Job]:
        found: dict[str, Job] = {}
        with self._reading() as connection:
            for some in _chunks(job_ids):
                rows = connection.execute(
                    select(jobs).where(self._everyones(), jobs.c.id.in_(some))
                )
                found |= {row.id: from_row(row) for row in rows}
        return found

    def deleted(self, job_ids: Collection[str]) -> set[str]:
        table = deleted_jobs.c
        found: set[str] = set()
        with self._reading() as connection:
            for some in _chunks(job_ids):
                query = select(table.id).where(table.model == self.model, table.id.in_(some))
                found |= set(connection.execute(query).scalars())
        return found

    def forget_deleted(self) -> None:
        with self._writing() as connection:
            connection.execute(delete(deleted_jobs).where(deleted_jobs.c.model == self.model))

    def restore(self, lost: Sequence[Job]) -> int:
        with within(RESTORE_SECONDS), self._writing() as connection:
            self._one_writer(connection)
            ids = [job.id for job in lost]
            there = {
                known
                for some in _chunks(ids)
                for known in connection.execute(
                    select(jobs.c.id).where(jobs.c.id.in_(some))
                ).scalars()
            }
            rows = [_restored(job) for job in lost if job.id not in there]
            if rows:
                connection.execute(insert(jobs), rows)
        return len(rows)


def _restored(job: Job) -> dict[str, object]:
    assert job.result is not None  # noqa: S101  # only completed jobs are restored
    return to_row(job) | {
        "state": JobState.COMPLETED.value,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "progress": DONE,
        "result": job.result.model_dump_json(),
        "attempts": job.attempts,
    }


def _chunks(ids: Collection[str]) -> Iterator[list[str]]:
    left = iter(ids)
    while some := list(islice(left, AT_ONCE)):
        yield some
