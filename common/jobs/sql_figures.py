"""The figures of the job store on SQLAlchemy Core."""

from sqlalchemy import select

from common.jobs.figures import Figures
from common.jobs.model import Progress, Standing
from common.jobs.rows import parsed, read
from common.jobs.schema import QUEUED, jobs
from common.jobs.sql_outbox import SqlOutbox
from common.jobs.statements import by_number
from common.jobs.states import UNFINISHED, JobState
from common.jobs.totals import JOB, of_kind


class SqlFigures(SqlOutbox):
    """See ``common.jobs.figures.Figured``."""

    def figures(self) -> Figures:
        first = by_number(select(jobs.c.created_at), [self._everyones(), QUEUED], limit=1)
        with self._reading() as connection:
            kept = connection.execute(of_kind(self.model, JOB)).all()
            since = connection.execute(first).scalar_one_or_none()
            deliveries = self._deliveries(connection)
        failed = {total.code: total.amount for total in kept if total.state == JobState.FAILED}
        return Figures(
            failed_by_code={code: count for code, count in failed.items() if count},
            waits=sum(total.begun for total in kept),
            wait_seconds=max(0.0, sum(total.wait_seconds for total in kept)),
            oldest_seconds=max(0.0, self._clock() - since) if since is not None else 0.0,
            deliveries=deliveries,
        )

    def standing(self, limit: int) -> list[Standing]:
        columns = (jobs.c.id, jobs.c.state, jobs.c.started_at, jobs.c.progress)
        query = by_number(select(*columns), [self._mine()], UNFINISHED, limit)
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return [_standing(*row) for row in rows]


def _standing(job_id: str, state: str, started_at: float | None, progress: str) -> Standing:
    columns = {"id": job_id, "state": state, "started_at": started_at}
    return read(Standing, columns | {"progress": parsed(progress)}, {"progress": Progress()})[0]
