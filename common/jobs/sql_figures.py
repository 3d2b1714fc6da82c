"""The figures of the job store on SQLAlchemy Core."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

from pydantic import ValidationError
from sqlalchemy import Row, func, select

from common.errors import ErrorBody
from common.jobs.figures import Figures
from common.jobs.model import Progress, Standing
from common.jobs.rows import parsed, read
from common.jobs.schema import jobs
from common.jobs.sql_outbox import SqlOutbox
from common.jobs.states import UNFINISHED, JobState


class SqlFigures(SqlOutbox):
    """See ``common.jobs.figures.Figured``."""

    def figures(self) -> Figures:
        failed = self._mine(), jobs.c.state == JobState.FAILED
        errors = select(jobs.c.error, func.count()).where(*failed).group_by(jobs.c.error)
        wait = jobs.c.started_at - jobs.c.created_at
        begun = select(func.count(wait), func.sum(wait)).where(self._mine())
        oldest = select(func.min(jobs.c.created_at)).where(
            self._mine(), jobs.c.state == JobState.QUEUED
        )
        with self._reading() as connection:
            codes = _codes(connection.execute(errors))
            waits, seconds = connection.execute(begun).one()
            since = connection.execute(oldest).scalar_one()
        return Figures(
            failed_by_code=codes,
            waits=waits,
            wait_seconds=max(0.0, seconds or 0.0),
            oldest_seconds=max(0.0, self._clock() - since) if since is not None else 0.0,
            deliveries=self.count_deliveries(),
        )

    def standing(self, limit: int) -> list[Standing]:
        columns = (jobs.c.id, jobs.c.state, jobs.c.started_at, jobs.c.progress)
        query = select(*columns).where(self._mine(), jobs.c.state.in_(UNFINISHED))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(jobs.c.number).limit(limit)).all()
        return [_standing(*row) for row in rows]


def _standing(job_id: str, state: str, started_at: float | None, progress: str) -> Standing:
    columns = {"id": job_id, "state": state, "started_at": started_at}
    return read(Standing, columns | {"progress": parsed(progress)}, {"progress": Progress()})[0]


def _codes(rows: Iterable[Row[str | None, int]]) -> dict[str, int]:
    """Texts differ more than codes do. JSON is read here, since each database reads it its way."""
    codes: Counter[str] = Counter()
    for text, count in rows:
        codes[_code(text)] += count
    return dict(codes)


def _code(text: str | None) -> str:
    with suppress(ValidationError):  # of another version, or damaged
        if text:
            return ErrorBody.model_validate_json(text).code
    return "unknown"
