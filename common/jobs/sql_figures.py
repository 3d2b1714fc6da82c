"""The figures of the job store on SQLAlchemy Core."""

from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache
from typing import Any

from pydantic import ValidationError
from sqlalchemy import func, select, union_all

from common.jobs.figures import Figures
from common.jobs.model import Job, Progress, Standing
from common.jobs.rows import parsed, read
from common.jobs.schema import LINE, QUEUED, jobs
from common.jobs.sql_base import chunks
from common.jobs.sql_outbox import SqlOutbox
from common.jobs.statements import by_number
from common.jobs.states import CLAIMED, JobState
from common.jobs.totals import JOB, of_kind

_STANDING = select(jobs.c.id, jobs.c.state, jobs.c.started_at, jobs.c.place, jobs.c.progress)


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
        """All that is claimed, and the first of the queue, in one statement: none is missed."""
        claimed = [self._mine(), jobs.c.state.in_(CLAIMED)]
        line = select(jobs.c.number).where(self._mine(), QUEUED).order_by(*LINE).limit(limit)
        found = union_all(select(jobs.c.number).where(*claimed), select(line.subquery()))
        query = _STANDING.where(jobs.c.number.in_(found)).order_by(jobs.c.number)
        with self._reading() as connection:
            return [_standing(*row) for row in connection.execute(query)]

    def standings(self, job_ids: Collection[str]) -> list[Standing]:
        found: list[Standing] = []
        with self._reading() as connection:
            for some in chunks(job_ids):
                rows = connection.execute(_STANDING.where(self._ours_among(some)))
                found += [_standing(*row) for row in rows]
        return found

    def positions(self, queued: Collection[Job]) -> dict[str, int]:
        ids = {job.number: job.id for job in queued}
        place = func.row_number().over(order_by=LINE) - 1
        query = select(jobs.c.number, place.label("place")).where(self._everyones(), QUEUED)
        line = query.subquery()
        found: dict[str, int] = {}
        with self._reading() as connection:
            for some in chunks(ids):
                rows = connection.execute(select(line).where(line.c.number.in_(some)))
                found |= {ids[row.number]: row.place for row in rows}
        return found


def _standing(
    job_id: str, state: str, started_at: float | None, place: float | None, progress: str
) -> Standing:
    columns = {"id": job_id, "state": state, "started_at": started_at, "place": place}
    in_place = {"state": JobState.FAILED, "progress": Progress()}
    return read(Standing, columns | {"progress": _progress(progress)}, in_place)[0]


@lru_cache(maxsize=4096)
def _progress(text: str) -> Any:
    """What ``read`` makes a Progress of; the same text is looked at again and again."""
    found = parsed(text)
    with suppress(ValidationError):
        return Progress.model_validate(found)
    return found
