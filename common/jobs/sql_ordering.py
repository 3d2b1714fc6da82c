"""The order of the queue, on SQLAlchemy Core."""

import re
import struct
from collections.abc import Mapping

from sqlalchemy import Connection, Select, select, tuple_, update

from common.base.errors import InvalidRequest, JobConflict, JobNotFound, Unresolvable
from common.jobs.model import Job, JobPage
from common.jobs.ordering import PLACE_PATTERN, Edge, Side, Spot
from common.jobs.places import between, spread
from common.jobs.schema import LINE, QUEUED, jobs, rank_of
from common.jobs.sql_base import SqlBase
from common.jobs.states import JobState

FEW = 4
"""Jobs that are spread out where there is no room between two; twice as many where that is not
enough, and so on."""

_CURSOR = ">dq"
Standpoint = tuple[float, int]
"""Where a job stands: its rank, and its number, which tells those of one rank apart."""


class SqlOrdering(SqlBase):
    """See ``common.jobs.ordering.Ordering``."""

    def reorder(self, job_id: str, spot: Spot) -> Job:
        if not isinstance(spot, Edge) and spot.job == job_id:
            raise Unresolvable(
                "A job cannot stand beside itself.", param=spot.side, hint="Name another job."
            )
        with self._writing() as connection:
            self._one_writer(connection)  # two at once would find the same gap
            _, number = self._standpoint(connection, job_id, "job")
            places = self._places(connection, number, *self._gap(connection, number, spot))
            unmoved = self._put(connection, places)
            job = self._one(connection, job_id)
            if number in unmoved:  # PostgreSQL: it was claimed between the two
                raise _taken(job.state, "job")
        return job

    def in_order(self, *, cursor: str | None = None, limit: int = 20) -> JobPage:
        where = [self._mine(), QUEUED]
        if cursor is not None:
            where.append(tuple_(*LINE) > _standpoint_of(cursor))
        query = select(jobs).where(*where).order_by(*LINE).limit(limit + 1)
        with self._reading() as connection:
            found = [self._job(row) for row in connection.execute(query)]
        more = len(found) > limit
        return JobPage(
            jobs=tuple(found[:limit]), next_cursor=_cursor_at(found[limit - 1]) if more else None
        )

    def _standpoint(self, connection: Connection, job_id: str, param: str) -> Standpoint:
        """Of a queued job. Raises JobNotFound, and JobConflict where it is queued no longer."""
        query = select(*LINE, jobs.c.state).where(self._mine(), jobs.c.id == job_id)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise JobNotFound("No such job.", param=param, hint="GET /queue lists those that wait.")
        if row.state != JobState.QUEUED:
            raise _taken(row.state, param)
        return row[0], row[1]

    def _gap(
        self, connection: Connection, number: int, spot: Spot
    ) -> tuple[Standpoint | None, Standpoint | None]:
        """Between whom it will stand; None where that is an end of the queue."""
        if spot is Edge.FRONT:
            return None, self._first(connection, number)
        if spot is Edge.END:
            return self._last(connection, number), None
        there = self._standpoint(connection, spot.job, spot.side)
        if spot.side is Side.BEFORE:
            return self._last(connection, number, before=there), there
        return there, self._first(connection, number, after=there)

    def _first(
        self, connection: Connection, number: int, after: Standpoint | None = None
    ) -> Standpoint | None:
        return next(iter(self._behind(connection, number, after, 1)), None)

    def _behind(
        self, connection: Connection, number: int, after: Standpoint | None, limit: int
    ) -> list[Standpoint]:
        """The first queued jobs after a place, whoever's they are; without the job that moves."""
        query = self._others(number).order_by(*LINE).limit(limit)
        if after is not None:
            query = query.where(tuple_(*LINE) > after)
        return [(row[0], row[1]) for row in connection.execute(query)]

    def _last(
        self, connection: Connection, number: int, before: Standpoint | None = None
    ) -> Standpoint | None:
        query = self._others(number).order_by(*(one.desc() for one in LINE)).limit(1)
        if before is not None:
            query = query.where(tuple_(*LINE) < before)
        row = connection.execute(query).one_or_none()
        return None if row is None else (row[0], row[1])

    def _others(self, number: int) -> Select[float, int]:
        return select(*LINE).where(self._everyones(), QUEUED, jobs.c.number != number)

    def _places(
        self, connection: Connection, number: int, low: Standpoint | None, high: Standpoint | None
    ) -> dict[int, float]:
        """New places, by number: of this one, and of those that must make room for it."""
        if low is None and high is None:
            return {}  # it is alone
        place = between(low and low[0], high and high[0])
        if place is not None:
            return {number: place}
        assert low is not None  # noqa: S101  # there is always room at the ends
        return self._spread(connection, number, low)

    def _spread(self, connection: Connection, number: int, low: Standpoint) -> dict[int, float]:
        few, places = FEW, None
        while places is None:
            found = self._behind(connection, number, low, few + 1)
            behind, beyond = found[:few], found[few:]
            high = beyond[0][0] if beyond else None
            places = spread(low[0], [rank for rank, _ in behind], high)
            few *= 2
        return dict(zip([number, *(one for _, one in behind)], places, strict=True))

    def _put(self, connection: Connection, places: Mapping[int, float]) -> set[int]:
        """Write places; answers the numbers of those that are queued no longer.

        In the order of their numbers, as all do who write several rows: two who write the same
        rows in different orders would wait for each other.
        """
        queued = update(jobs).where(QUEUED)
        return {
            number
            for number in sorted(places)
            if not connection.execute(
                queued.where(jobs.c.number == number).values(place=places[number])
            ).rowcount
        }


def _taken(state: str, param: str) -> JobConflict:
    return JobConflict(
        f"The job is {state} already.",
        param=param,
        hint="Only queued jobs have a place: GET /queue lists them.",
    )


def _cursor_at(job: Job) -> str:
    return struct.pack(_CURSOR, rank_of(job), job.number).hex()


def _standpoint_of(cursor: str) -> Standpoint:
    if not re.match(PLACE_PATTERN, cursor):
        raise InvalidRequest(
            "cursor is not one of ours.", param="cursor", hint="Use next_cursor of the last page."
        )
    rank, number = struct.unpack(_CURSOR, bytes.fromhex(cursor))
    return rank, number
