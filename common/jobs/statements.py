"""The statement behind every move of a job, built from the table of legal moves."""

import re
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, select, union_all, update
from sqlalchemy.sql.dml import ReturningUpdate

from common.base.errors import ErrorBody, InvalidRequest
from common.jobs.model import Job, Progress
from common.jobs.schema import jobs
from common.jobs.states import CLAIMED, ENDED, Event, JobState, moves
from common.jobs.store import CURSOR_PATTERN

DONE = Progress(percent=100, seconds_left=0).model_dump_json()


def move(
    event: Event, where: ColumnElement[bool], now: float, changes: dict[str, Any]
) -> ReturningUpdate[Any]:
    """Apply ``event`` to the rows at ``where`` whose state allows it, and return them."""
    table = moves(event)
    ends = [state for state, target in table.items() if target in ENDED]
    finished = case((jobs.c.state.in_(ends), now), else_=jobs.c.finished_at)
    values = {
        "state": case(table, value=jobs.c.state),
        "finished_at": finished,
        **_cleared_claim(table),
        **changes,
    }
    allowed = and_(where, jobs.c.state.in_(list(table)))
    return update(jobs).where(allowed).values(values).returning(jobs)


def ended_after(event: Event, seconds: float) -> dict[str, Any]:
    """How long a job took that ends with this; one that goes back to the queue has not ended."""
    ends = [state for state, target in moves(event).items() if target in ENDED]
    if not ends:
        return {}
    ending = jobs.c.state.in_(ends)
    return {"seconds": case((ending, round(seconds, 3)), else_=jobs.c.seconds)}


def kept(progress: Progress | None) -> dict[str, Any]:
    """How far a job had come when it was left, where that is known; its preview is gone."""
    if progress is None:
        return {}
    return {"progress": progress.model_copy(update={"preview": None}).model_dump_json()}


def worker_died(job: Job, reason: str, noun: str) -> ErrorBody:
    """Why a job is given up that keeps taking its worker down."""
    return ErrorBody(
        code="worker_died",
        message=f"The worker stopped {job.attempts} times while making this {noun}. "
        f"Last time: {reason}.",
        hint=f"Ask for a smaller or shorter {noun}; the service's log has the details.",
    )


def held(job_id: str, token: str) -> ColumnElement[bool]:
    """The job, if this token still holds it."""
    return and_(jobs.c.id == job_id, jobs.c.token == token, jobs.c.state.in_(CLAIMED))


def _cleared_claim(table: dict[JobState, JobState]) -> dict[str, Any]:
    """Where a move leads out of a worker's hands, its token dies with it."""
    leaving = [state for state, target in table.items() if target not in CLAIMED]
    if not leaving:
        return {}
    gone = jobs.c.state.in_(leaving)
    return {
        "token": case((gone, None), else_=jobs.c.token),
        "worker": case((gone, None), else_=jobs.c.worker),
    }


def by_number(
    query: Select[Any],
    where: Collection[ColumnElement[bool]],
    states: Collection[JobState] = (),
    limit: int | None = None,
    *,
    oldest_first: bool = True,
) -> Select[Any]:
    """The jobs at ``where``, in the order of their arrival; of all states, or of these.

    An index has the jobs of one state in this order, and none has those of several: so the first
    of each are taken, and of those the first.
    """
    order = jobs.c.number.asc() if oldest_first else jobs.c.number.desc()
    if not states:
        return query.where(*where).order_by(order).limit(limit)
    numbers = select(jobs.c.number).where(*where).order_by(order).limit(limit)
    firsts = [numbers.where(jobs.c.state == state).subquery() for state in sorted(states)]
    found = union_all(*(select(first) for first in firsts))
    return query.where(jobs.c.number.in_(found)).order_by(order).limit(limit)


def in_page(cursor: str | None, *, oldest_first: bool) -> list[ColumnElement[bool]]:
    """What holds for the jobs that come after ``cursor``. Raises InvalidRequest."""
    if cursor is None or not oldest_first:
        return before(jobs.c.number, cursor)
    return [jobs.c.number > _cursor_number(cursor)]


def before(number: ColumnElement[int], cursor: str | None) -> list[ColumnElement[bool]]:
    """What holds for the rows that are older than ``cursor``. Raises InvalidRequest."""
    return [] if cursor is None else [number < _cursor_number(cursor)]


def _cursor_number(cursor: str) -> int:
    if re.match(CURSOR_PATTERN, cursor):
        return int(cursor)
    raise InvalidRequest(
        "cursor is not one of ours.", param="cursor", hint="Use next_cursor of the last page."
    )
