"""The job store on SQLAlchemy Core: SQLite or PostgreSQL, the same statements."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from common.errors import (
    ErrorBody,
    JobConflict,
    JobNotFound,
    QueueFull,
)
from common.jobs.database import open_database, translated_errors
from common.jobs.model import Job, JobPage, JobResult, NewJob, Progress, Statistics
from common.jobs.rows import from_row, to_row
from common.jobs.schema import jobs
from common.jobs.statements import DONE, held, in_page, kept, move, worker_died
from common.jobs.states import CLAIMED, ENDED, UNFINISHED, Event, JobState

RETRY_AFTER_SECONDS = 30
_INSERT = insert(jobs).returning(jobs)


class SqlJobStore:
    """See ``common.jobs.store.JobStore``. Holds the jobs of one model."""

    def __init__(self, url: str, model: str, clock: Callable[[], float] = time.time) -> None:
        self.model = model
        self._clock = clock
        with translated_errors():
            self._engine: Engine = open_database(url)
        # Built once: putting this statement together costs more than running it.
        self._unfinished = select(func.count()).where(self._mine(), jobs.c.state.in_(UNFINISHED))
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    # Clients

    def submit(self, new: Sequence[NewJob], max_unfinished: int) -> list[Job | QueueFull]:
        with self._writing() as connection:
            self._one_writer(connection)
            room = max_unfinished - connection.execute(self._unfinished).scalar_one()
            accepted = [self._insert(connection, job) for job in new[: max(0, room)]]
        refusal = QueueFull(
            f"{max_unfinished} jobs are waiting already.",
            retry_after=RETRY_AFTER_SECONDS,
            hint="Try again later, or raise MAX_QUEUE.",
        )
        return [*accepted, *[refusal] * (len(new) - len(accepted))]

    def get(self, job_id: str) -> Job:
        with self._reading() as connection:
            return self._one(connection, job_id)

    def page(
        self,
        *,
        states: Sequence[JobState] = (),
        cursor: str | None = None,
        limit: int = 20,
        oldest_first: bool = False,
    ) -> JobPage:
        query = select(jobs).where(self._mine(), *in_page(cursor, oldest_first=oldest_first))
        if states:
            query = query.where(jobs.c.state.in_(states))
        order = jobs.c.number.asc() if oldest_first else jobs.c.number.desc()
        with self._reading() as connection:
            rows = connection.execute(query.order_by(order).limit(limit + 1))
            found = [from_row(row) for row in rows]
        more = len(found) > limit
        return JobPage(
            jobs=tuple(found[:limit]), next_cursor=str(found[limit - 1].number) if more else None
        )

    def cancel(self, job_id: str) -> Job:
        with self._writing() as connection:
            row = self._move(connection, Event.CANCEL, jobs.c.id == job_id)
            if row is not None:
                return from_row(row)
            job = self._one(connection, job_id)
        raise JobConflict(
            f"The job is {job.state} already.", hint="Only unfinished jobs can be cancelled."
        )

    def delete(self, job_id: str) -> Job:
        statement = delete(jobs).where(self._mine(), jobs.c.id == job_id, jobs.c.state.in_(ENDED))
        with self._writing() as connection:
            row = connection.execute(statement.returning(jobs)).one_or_none()
            if row is not None:
                return from_row(row)
            job = self._one(connection, job_id)
        raise JobConflict(
            f"The job is {job.state}.", hint=f"Cancel it first: POST /jobs/{job_id}/cancel."
        )

    # Workers

    def claim(self, worker: str) -> Job | None:
        oldest = (
            select(jobs.c.number)
            .where(self._mine(), jobs.c.state == JobState.QUEUED)
            .order_by(jobs.c.number)
            .limit(1)
            .with_for_update(skip_locked=True)  # PostgreSQL; SQLite holds the write lock anyway
            .scalar_subquery()
        )
        changes = {
            "token": token_hex(16),
            "worker": worker,
            "attempts": jobs.c.attempts + 1,
            "started_at": self._clock(),
            "progress": Progress().model_dump_json(),
        }
        with self._writing() as connection:
            row = self._move(connection, Event.CLAIM, jobs.c.number == oldest, changes)
        return None if row is None else from_row(row)

    def advance(self, job_id: str, token: str, event: Event) -> JobState | None:
        return self._move_held(event, job_id, token)

    def heartbeat(self, job_id: str, token: str, progress: Progress) -> JobState | None:
        statement = (
            update(jobs)
            .where(held(job_id, token))
            .values(progress=progress.model_dump_json(), beats=jobs.c.beats + 1)
            .returning(jobs.c.state)
        )
        with self._writing() as connection:
            state = connection.execute(statement).scalar_one_or_none()
        return None if state is None else JobState(state)

    def complete(self, job_id: str, token: str, result: JobResult) -> bool:
        changes = {"result": result.model_dump_json(), "progress": DONE}
        return self._move_held(Event.COMPLETE, job_id, token, changes) is not None

    def fail(
        self, job_id: str, token: str, error: ErrorBody, progress: Progress | None = None
    ) -> JobState | None:
        # A job that was being cancelled ends cancelled, and then has no error.
        text = case((jobs.c.state == JobState.CANCELLING, None), else_=error.model_dump_json())
        return self._move_held(Event.FAIL, job_id, token, {"error": text, **kept(progress)})

    def release(self, job_id: str, token: str, progress: Progress | None = None) -> JobState | None:
        changes = {"attempts": jobs.c.attempts - 1, **kept(progress)}
        return self._move_held(Event.RELEASE, job_id, token, changes)

    # Recovery

    def claimed(self, worker: str | None = None) -> list[Job]:
        query = select(jobs).where(self._mine(), jobs.c.state.in_(CLAIMED))
        if worker is not None:
            query = query.where(jobs.c.worker == worker)
        with self._reading() as connection:
            return [from_row(row) for row in connection.execute(query.order_by(jobs.c.number))]

    def expel(self, job: Job, reason: str, max_attempts: int) -> JobState | None:
        if job.attempts < max_attempts or job.state is JobState.CANCELLING:
            return self._move_held(Event.RELEASE, job.id, job.token or "")
        return self.fail(job.id, job.token or "", worker_died(job, reason))

    def has_work(self, worker: str) -> bool:
        own = and_(jobs.c.worker == worker, jobs.c.state.in_(CLAIMED))
        query = select(exists().where(self._mine(), or_(jobs.c.state == JobState.QUEUED, own)))
        with self._reading() as connection:
            return bool(connection.execute(query).scalar_one())

    # Views

    def position(self, job: Job) -> int:
        query = select(func.count()).where(
            self._mine(), jobs.c.state == JobState.QUEUED, jobs.c.number < job.number
        )
        with self._reading() as connection:
            return connection.execute(query).scalar_one()

    def statistics(self) -> Statistics:
        completed = and_(self._mine(), jobs.c.state == JobState.COMPLETED)
        seconds = jobs.c.finished_at - jobs.c.started_at
        by_state = select(jobs.c.state, func.count()).where(self._mine()).group_by(jobs.c.state)
        durations = select(func.avg(seconds), func.min(seconds), func.max(seconds))
        last = select(jobs).where(self._mine(), jobs.c.state.in_(ENDED))
        with self._reading() as connection:
            counts = connection.execute(by_state).all()
            average, shortest, longest = connection.execute(durations.where(completed)).one()
            rows = connection.execute(last.order_by(jobs.c.finished_at.desc()).limit(10)).all()
        return Statistics(
            by_state={JobState(state): count for state, count in counts},
            avg_duration_seconds=average,
            min_duration_seconds=shortest,
            max_duration_seconds=longest,
            last_10=tuple(from_row(row) for row in rows),
        )

    def close(self) -> None:
        self._engine.dispose()

    # Machinery

    def _one_writer(self, connection: Connection) -> None:
        """SQLite has one writer always; PostgreSQL's would count each other's rows too late."""
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(self.model))))

    def _mine(self) -> ColumnElement[bool]:
        return jobs.c.model == self.model

    def _insert(self, connection: Connection, job: NewJob) -> Job:
        row = to_row(job) | {"created_at": self._clock()}
        return from_row(connection.execute(_INSERT, row).one())

    def _one(self, connection: Connection, job_id: str) -> Job:
        query = select(jobs).where(self._mine(), jobs.c.id == job_id)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise JobNotFound("No such job.", param="id", hint="GET /jobs lists them.")
        return from_row(row)

    def _move(
        self,
        connection: Connection,
        event: Event,
        where: ColumnElement[bool],
        changes: dict[str, Any] | None = None,
    ) -> Row[Any] | None:
        statement = move(event, and_(self._mine(), where), self._clock(), changes or {})
        return connection.execute(statement).one_or_none()

    def _move_held(
        self, event: Event, job_id: str, token: str, changes: dict[str, Any] | None = None
    ) -> JobState | None:
        with self._writing() as connection:
            row = self._move(connection, event, held(job_id, token), changes)
        return None if row is None else JobState(row.state)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated_errors(), self._reader.connect() as connection:
            yield connection
