"""The job store's side of keeping the outputs folder, on SQLAlchemy Core."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import delete, insert, select

from common.jobs.custody import Files
from common.jobs.deadline import within
from common.jobs.model import Job
from common.jobs.rows import UNREADABLE, parsed, to_row
from common.jobs.schema import deleted_jobs, identities, jobs
from common.jobs.sql_base import SqlBase, chunks
from common.jobs.statements import DONE
from common.jobs.states import JobState

_STATES = frozenset(JobState)

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
            for some in chunks(job_ids):
                rows = connection.execute(select(jobs).where(self._ours_among(some)))
                found |= {row.id: self._job(row) for row in rows}
        return found

    def files_of(self, job_ids: Collection[str]) -> dict[str, Files]:
        found: dict[str, Files] = {}
        columns = select(jobs.c.id, jobs.c.state, jobs.c.result, jobs.c.error, jobs.c.expired_at)
        with self._reading() as connection:
            for some in chunks(job_ids):
                rows = connection.execute(columns.where(self._ours_among(some)))
                found |= {row.id: _files_in(row) for row in rows}
        return found

    def deleted(self, job_ids: Collection[str]) -> set[str]:
        table = deleted_jobs.c
        found: set[str] = set()
        with self._reading() as connection:
            for some in chunks(job_ids):
                query = select(table.id).where(table.model == self.model, table.id.in_(some))
                found |= set(connection.execute(query).scalars())
        return found

    def removed(self, limit: int) -> list[str]:
        table = deleted_jobs.c
        query = select(table.id).where(table.model == self.model).order_by(table.id).limit(limit)
        with self._reading() as connection:
            return list(connection.execute(query).scalars())

    def forget_removed(self, job_ids: Collection[str]) -> None:
        table = deleted_jobs.c
        for some in chunks(job_ids):
            gone = delete(deleted_jobs).where(table.model == self.model, table.id.in_(some))
            with self._writing() as connection:
                connection.execute(gone)

    def restore(self, lost: Sequence[Job]) -> int:
        with within(RESTORE_SECONDS), self._writing() as connection:
            self._one_writer(connection)
            ids = [job.id for job in lost]
            there = {
                known
                for some in chunks(ids)
                for known in connection.execute(
                    select(jobs.c.id).where(jobs.c.id.in_(some))
                ).scalars()
            }
            rows = [_restored(job, self._rows.kind) for job in lost if job.id not in there]
            if rows:
                connection.execute(insert(jobs), rows)
            self._note_completed(connection, [str(row["id"]) for row in rows])
        return len(rows)


def _files_in(row: Any) -> Files:
    if row.state == JobState.COMPLETED and row.expired_at is not None:
        return Files(JobState.COMPLETED)  # they had their time
    return _files(row.state, row.result, row.error)


def _files(stored: str, result: str | None, error: str | None) -> Files:
    """Of another version's state, or of a record that is damaged, nobody knows."""
    if stored not in _STATES:
        return Files(None)
    state = JobState(stored)
    if state is JobState.COMPLETED:
        folder = _told(result, "folder")
        return Files(state if folder else None, folder)
    if state is JobState.FAILED and _told(error, "code") in (None, UNREADABLE):
        return Files(None)
    return Files(state)


def _told(record: str | None, name: str) -> str | None:
    """One value of a record that is JSON; None where that cannot be had."""
    fields = parsed(record)
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, str) else None


def _restored(job: Job, kind: str) -> dict[str, object]:
    assert job.result is not None  # noqa: S101  # only completed jobs are restored
    return to_row(job, kind) | {
        "state": JobState.COMPLETED.value,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "progress": DONE,
        "result": job.result.model_dump_json(),
        "fingerprint": job.result.fingerprint,
        "attempts": job.attempts,
    }
