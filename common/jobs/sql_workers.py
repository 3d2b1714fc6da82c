"""The workers' side of the job store: claim, move, end, give back, and recovery from the dead."""

from collections.abc import Sequence

from sqlalchemy import case, or_, select, update

from common.base.errors import ErrorBody
from common.contract import Adjustment, JobResult, Resolved
from common.jobs.model import Job, Progress
from common.jobs.rows import amended
from common.jobs.schema import LINE, jobs
from common.jobs.sql_fusing import SqlFusing
from common.jobs.statements import DONE, by_number, held, kept, worker_died
from common.jobs.states import CLAIMED, Event, JobState


class SqlWorkers(SqlFusing):
    """See ``common.jobs.store.JobStore``."""

    def claim(self, worker: str) -> Job | None:
        first = (
            select(jobs.c.number)
            .where(self._claimable())
            .order_by(*LINE)
            .limit(1)
            .with_for_update(skip_locked=True)  # PostgreSQL; SQLite holds the write lock anyway
            .scalar_subquery()
        )
        changes = self._claim_changes(worker)
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

    def amend(
        self, job_id: str, token: str, resolved: Resolved, adjustments: Sequence[Adjustment]
    ) -> bool:
        columns = amended(resolved, adjustments)
        statement = update(jobs).where(held(job_id, token)).values(columns).returning(jobs.c.id)
        with self._writing() as connection:
            return connection.execute(statement).one_or_none() is not None

    def complete(self, job_id: str, token: str, result: JobResult) -> bool:
        changes = {"result": result.model_dump_json(), "progress": DONE}
        changes |= {"fingerprint": result.fingerprint} if result.fingerprint else {}
        if self._move_held(Event.COMPLETE, job_id, token, changes) is not None:
            return True
        query = select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.result == changes["result"])
        with self._reading() as connection:  # said before, and the answer was lost on its way
            return connection.execute(query).one_or_none() is not None

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
        own = [] if worker is None else [jobs.c.worker == worker]
        query = by_number(select(jobs), [self._mine(), *own], CLAIMED)
        with self._reading() as connection:
            return [self._job(row) for row in connection.execute(query)]

    def expel(self, job: Job, reason: str, max_attempts: int) -> JobState | None:
        if job.fused is not None:
            return self.release(job.id, job.token or "", alone=True)
        if job.attempts < max_attempts or job.state is JobState.CANCELLING:
            return self._move_held(Event.RELEASE, job.id, job.token or "")
        return self.fail(job.id, job.token or "", worker_died(job, reason, self._rows.noun))

    def has_work(self, worker: str) -> bool:
        # Two questions and not one with an "or" inside: each has an index of its own.
        queued = select(jobs.c.number).where(self._claimable()).exists()
        own = select(jobs.c.number).where(
            self._mine(), jobs.c.state.in_(CLAIMED), jobs.c.worker == worker
        )
        query = select(or_(queued, own.exists()))
        self.soundness.refuse()
        with self._reading() as connection:
            return bool(connection.execute(query).scalar_one())
