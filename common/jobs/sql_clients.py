"""The clients' side of the job store: accept, read, list, cancel, forget, count."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select, tuple_

from common.base.errors import JobConflict, JobNotFound, VideosDGXError
from common.base.errors.queue import KeyReused
from common.jobs.keys import check_fingerprint, expired_keys, job_was_deleted, kept_key, key_row
from common.jobs.model import Job, JobPage, KeyUse, NewJob, Statistics
from common.jobs.room import Room
from common.jobs.rows import state_of, to_row
from common.jobs.schema import LINE, QUEUED, idempotency_keys, jobs, rank_of
from common.jobs.sql_repeats import SqlRepeats
from common.jobs.statements import by_number, in_page
from common.jobs.states import ENDED, UNFINISHED, Event, JobState
from common.jobs.totals import JOB, of_kind

_INSERT = insert(jobs).returning(jobs)


class SqlClients(SqlRepeats):
    """See ``common.jobs.store.JobStore``."""

    def submit(
        self, new: Sequence[NewJob], max_unfinished: int, max_of_owner: int = 0
    ) -> list[Job | VideosDGXError]:
        with self._writing() as connection:
            self._one_writer(connection)
            room = self._room(connection, new, max_unfinished, max_of_owner)
            return [
                self._known(connection, job) or room.refusal(job) or self._insert(connection, job)
                for job in new
            ]

    def made_with(self, owner: str, use: KeyUse) -> Job | None:
        with self._reading() as connection:
            return self._made_with(connection, owner, use)

    def get(self, job_id: str) -> Job:
        with self._reading() as connection:
            return self._one(connection, job_id)

    def page(
        self,
        *,
        states: Sequence[JobState] = (),
        batch: str | None = None,
        cursor: str | None = None,
        limit: int = 20,
        oldest_first: bool = False,
    ) -> JobPage:
        where = [self._mine(), *in_page(cursor, oldest_first=oldest_first)]
        if batch is not None:  # it is small: its states need no index
            where += [jobs.c.batch == batch, *([jobs.c.state.in_(states)] if states else [])]
            states = ()
        query = by_number(select(jobs), where, set(states), limit + 1, oldest_first=oldest_first)
        with self._reading() as connection:
            found = [self._job(row) for row in connection.execute(query)]
        more = len(found) > limit
        return JobPage(
            jobs=tuple(found[:limit]), next_cursor=str(found[limit - 1].number) if more else None
        )

    def cancel(self, job_id: str) -> Job:
        with self._writing() as connection:
            row = self._move(connection, Event.CANCEL, jobs.c.id == job_id)
            if row is not None:
                return self._job(row)
            job = self._one(connection, job_id)
        raise JobConflict(
            f"The job is {job.state} already.", hint="Only unfinished jobs can be cancelled."
        )

    def delete(self, job_id: str) -> Job:
        statement = delete(jobs).where(self._mine(), jobs.c.id == job_id, jobs.c.state.in_(ENDED))
        with self._writing() as connection:
            row = connection.execute(statement.returning(jobs)).one_or_none()
            if row is not None:
                job = self._job(row)
                self._note_deleted(connection, [job])
                return job
            job = self._one(connection, job_id)
        raise JobConflict(
            f"The job is {job.state}.", hint=f"Cancel it first: POST /jobs/{job_id}/cancel."
        )

    def position(self, job: Job) -> int:
        before = tuple_(*LINE) < (rank_of(job), job.number)
        query = select(func.count()).where(self._everyones(), QUEUED, before)
        with self._reading() as connection:
            return connection.execute(query).scalar_one()

    def statistics(self) -> Statistics:
        last = select(jobs).where(self._everyones(), jobs.c.finished_at.is_not(None))
        latest = jobs.c.finished_at.desc(), jobs.c.number.desc()
        with self._reading() as connection:
            kept = connection.execute(of_kind(self.model, JOB)).all()
            rows = connection.execute(last.order_by(*latest).limit(10)).all()
        by_state: Counter[JobState] = Counter()
        for total in kept:
            by_state[state_of(total.state)] += total.amount
        done = next((total for total in kept if total.timed), None)
        return Statistics(
            by_state=dict(+by_state),
            avg_duration_seconds=done and done.seconds / done.timed,
            min_duration_seconds=done and done.shortest,
            max_duration_seconds=done and done.longest,
            last_10=tuple(self._job(row) for row in rows),
        )

    def _room(
        self,
        connection: Connection,
        new: Sequence[NewJob],
        max_unfinished: int,
        max_of_owner: int,
    ) -> Room:
        """What is left, as this transaction sees it."""
        unfinished = connection.execute(self._unfinished).scalar_one()
        owners = {job.owner for job in new}
        own = self._unfinished_of(connection, owners) if max_of_owner else {}
        return Room(max_unfinished, max_of_owner, unfinished, own)

    def _unfinished_of(self, connection: Connection, owners: set[str]) -> dict[str, int]:
        query = select(jobs.c.owner, func.count()).where(
            self._everyones(), jobs.c.state.in_(UNFINISHED), jobs.c.owner.in_(owners)
        )
        rows = connection.execute(query.group_by(jobs.c.owner)).all()
        return {row[0]: row[1] for row in rows}

    def _insert(self, connection: Connection, job: NewJob) -> Job:
        """In one transaction: the job, and the key that no second one may be made with."""
        columns = to_row(job, self._rows.kind) | {"created_at": self._clock()}
        columns |= self._held(connection, job)
        row = connection.execute(_INSERT, columns).one()
        if job.key is not None:
            now = self._now(connection)
            connection.execute(expired_keys(self.model, job.key, now))
            connection.execute(insert(idempotency_keys), key_row(job, job.key, now))
        return self._job(row)

    def _known(self, connection: Connection, job: NewJob) -> Job | VideosDGXError | None:
        """What the client of a job gets whose key was used before."""
        if job.key is None:
            return None
        try:
            return self._made_with(connection, job.owner, job.key)
        except (KeyReused, JobConflict) as exc:
            return exc

    def _made_with(self, connection: Connection, owner: str, use: KeyUse) -> Job | None:
        found = connection.execute(kept_key(self.model, owner, use, self._now(connection)))
        row = found.one_or_none()
        if row is None:
            return None
        check_fingerprint(row.fingerprint, use)
        try:
            return self._one(connection, row.job)
        except JobNotFound:
            raise job_was_deleted() from None
