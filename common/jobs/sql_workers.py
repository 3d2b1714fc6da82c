"""The workers' side of the job store: claim, move, end, give back, and recovery from the dead."""

from secrets import token_hex

from sqlalchemy import and_, case, exists, or_, select, update

from common.errors import ErrorBody
from common.jobs.model import Job, JobResult, Progress
from common.jobs.rows import from_row
from common.jobs.schema import RANK, jobs
from common.jobs.sql_fusing import SqlFusing
from common.jobs.statements import DONE, held, kept, worker_died
from common.jobs.states import CLAIMED, Event, JobState


class SqlWorkers(SqlFusing):
    """See ``common.jobs.store.JobStore``."""

    def claim(self, worker: str) -> Job | None:
        first = (
            select(jobs.c.number)
            .where(self._mine(), jobs.c.state == JobState.QUEUED)
            .order_by(RANK, jobs.c.number)
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
            "fused": None,
        }
        with self._writing() as connection:
            while row := self._move(connection, Event.CLAIM, jobs.c.number == first, changes):
                if (job := self._readable(connection, row)) is not None:
                    return job
        return None

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

    def release(
        self, job_id: str, token: str, progress: Progress | None = None, *, alone: bool = False
    ) -> JobState | None:
        apart = {"alone": True} if alone else {}
        changes = {"attempts": jobs.c.attempts - 1, **apart, **kept(progress)}
        return self._move_held(Event.RELEASE, job_id, token, changes)

    # Recovery

    def claimed(self, worker: str | None = None) -> list[Job]:
        query = select(jobs).where(self._mine(), jobs.c.state.in_(CLAIMED))
        if worker is not None:
            query = query.where(jobs.c.worker == worker)
        with self._reading() as connection:
            return [from_row(row) for row in connection.execute(query.order_by(jobs.c.number))]

    def expel(self, job: Job, reason: str, max_attempts: int) -> JobState | None:
        if job.fused is not None:
            return self.release(job.id, job.token or "", alone=True)
        if job.attempts < max_attempts or job.state is JobState.CANCELLING:
            return self._move_held(Event.RELEASE, job.id, job.token or "")
        return self.fail(job.id, job.token or "", worker_died(job, reason))

    def has_work(self, worker: str) -> bool:
        own = and_(jobs.c.worker == worker, jobs.c.state.in_(CLAIMED))
        query = select(exists().where(self._mine(), or_(jobs.c.state == JobState.QUEUED, own)))
        self.soundness.refuse()
        with self._reading() as connection:
            return bool(connection.execute(query).scalar_one())
