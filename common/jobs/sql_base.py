"""What every part of the job store on SQLAlchemy Core stands on: transactions, moves, one row."""

import copy
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from secrets import token_hex
from typing import Any, Self, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    Table,
    and_,
    exists,
    func,
    insert,
    not_,
    select,
    update,
)

from common.base.errors import JobNotFound
from common.contract.kind import Kind
from common.jobs.damage import Soundness
from common.jobs.database import open_database, reading, translated_errors
from common.jobs.keys import Life, Now
from common.jobs.model import Job, Progress
from common.jobs.one_file import still_there
from common.jobs.rows import JobRows
from common.jobs.schema import QUEUED, deleted_jobs, jobs, pauses
from common.jobs.statements import ended_after, held, move
from common.jobs.states import Event, JobState
from common.jobs.stored import Place
from common.jobs.totals import unfinished

Id = TypeVar("Id", str, int)

AT_ONCE = 500
"""Ids in one statement; SQLite takes 999 parameters where it is old."""


class SqlBase:
    """One database, seen from one model. SQLite or PostgreSQL, the same statements."""

    def __init__(
        self,
        url: str,
        model: str,
        kind: Kind,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
        keep_seconds: float | None = None,
        place: Place | None = None,
    ) -> None:
        """``clock`` says when, in seconds since the epoch; ``stopwatch``, monotonic, how long.

        ``keep_seconds``: how old files may grow, where that matters. ``place``: where files of
        jobs that are completed from now on go besides the disk.
        """
        self.model = model
        self._place = place
        self._clock = clock
        self._stopwatch = stopwatch
        self._claimed_at: dict[str, float] = {}
        """The claims that were made here, by token, on the stopwatch."""
        self._kind = kind
        self._rows = JobRows(kind, keep_seconds)
        self._life = Life(model, stopwatch)
        self._owner: str | None = None
        self.soundness = Soundness()
        with translated_errors():
            self._engine: Engine = open_database(url)
        # Built once: putting this statement together costs more than running it.
        self._unfinished = unfinished(model)
        self._reader = reading(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def _now(self, connection: Connection) -> Now:
        return Now(self._clock(), self._life.seconds(connection))

    def _one_writer(self, connection: Connection) -> None:
        """SQLite has one writer always; PostgreSQL's would count each other's rows too late."""
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(self.model))))

    def seen_by(self, owner: str) -> Self:
        view = copy.copy(self)
        view._owner = owner
        return view

    def _pause(self) -> Select[Any]:
        """Since when no job of this model is claimed; no row while they are."""
        return select(pauses.c.since).where(pauses.c.model == self.model)

    def _claimable(self) -> ColumnElement[bool]:
        """Of this model, in the queue, and nobody has paused that."""
        return and_(self._mine(), QUEUED, not_(self._pause().exists()))

    def _mine(self) -> ColumnElement[bool]:
        """All that there is, for most purposes: of this model, and in an owner's view theirs."""
        if self._owner is None:
            return self._everyones()
        return and_(self._everyones(), jobs.c.owner == self._owner)

    def _everyones(self) -> ColumnElement[bool]:
        return jobs.c.model == self.model

    def _ours_among(self, ids: Sequence[str]) -> ColumnElement[bool]:
        """Those of these jobs that there are."""
        named = and_(not_indexed(jobs.c.model) == self.model, jobs.c.id.in_(ids))
        return named if self._owner is None else and_(named, jobs.c.owner == self._owner)

    def _one(self, connection: Connection, job_id: str) -> Job:
        query = select(jobs).where(self._mine(), jobs.c.id == job_id)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise JobNotFound("No such job.", param="id", hint="GET /jobs lists them.")
        return self._job(row)

    @property
    def record(self) -> type[Job]:
        return self._rows.record

    def _job(self, row: Row[Any]) -> Job:
        return self._rows.job(row)

    def _note_completed(self, connection: Connection, ids: Sequence[str]) -> None:
        """In the transaction that completes the jobs, or takes back completed ones."""

    def _note_unkept(self, connection: Connection, row: Row[Any]) -> None:
        """In the transaction in which nobody keeps a job's files any more."""

    def _note_deleted(self, connection: Connection, removed: Sequence[Job]) -> None:
        """In the transaction that forgets the jobs: what is left of their files may go."""
        if removed:
            rows = [{"model": self.model, "id": job.id} for job in removed]
            connection.execute(insert(deleted_jobs), rows)

    def _move(
        self,
        connection: Connection,
        event: Event,
        where: ColumnElement[bool],
        changes: dict[str, Any] | None = None,
    ) -> Row[Any] | None:
        statement = move(event, and_(self._mine(), where), self._clock(), changes or {})
        row = connection.execute(statement).one_or_none()
        if row is not None and event is Event.CLAIM:
            self._claimed_at[row.token] = self._stopwatch()
        return row

    def _claim_changes(self, worker: str, fused: int | None = None) -> dict[str, Any]:
        """What a claim makes of a row."""
        return {
            "token": token_hex(16),
            "worker": worker,
            "attempts": jobs.c.attempts + 1,
            "started_at": self._clock(),
            "progress": Progress().model_dump_json(),
            "fused": fused,
        }

    def _move_held(
        self, event: Event, job_id: str, token: str, changes: dict[str, Any] | None = None
    ) -> JobState | None:
        own = self._claimed_at.get(token)
        measured = {} if own is None else ended_after(event, self._stopwatch() - own)
        with self._writing() as connection:
            row = self._move(
                connection, event, held(job_id, token), {**(changes or {}), **measured}
            )
        if row is None or row.token is None:
            self._claimed_at.pop(token, None)
        return None if row is None else JobState(row.state)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        self.soundness.refuse()
        connected = self._engine.connect
        with (
            self.soundness.watched(),
            translated_errors(),
            connected() as it,
            still_there(it),
            it.begin(),
        ):
            yield it

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self.soundness.watched(), translated_errors(), self._reader.connect() as connection:
            yield connection

    def _take_first(
        self, outbox: Table, due: ColumnElement[bool], changes: Mapping[str, float]
    ) -> Row[Any] | None:
        """The row of an outbox that was ``due`` first, changed; None where there is none.

        Nor where somebody else was quicker: ``changes`` put its ``next_at`` elsewhere.
        """
        table = outbox.c
        first = select(table.job, table.next_at).where(due).order_by(table.next_at).limit(1)
        with self._reading() as connection:  # nearly always there is none: no write lock for that
            seen = connection.execute(first).one_or_none()
        if seen is None:
            return None
        same = and_(due, table.job == seen.job, table.next_at == seen.next_at)
        with self._writing() as connection:
            taken = update(outbox).where(same).values(changes).returning(outbox)
            return connection.execute(taken).one_or_none()

    def _make_due(self, outbox: Table, late: ColumnElement[bool]) -> int:
        """Have these rows of an outbox looked at now; answers how many there were."""
        with self._reading() as connection:  # nearly always there is none
            if not connection.execute(select(exists().where(late))).scalar_one():
                return 0
        now = {"next_at": self._clock()}
        with self._writing() as connection:
            return connection.execute(update(outbox).where(late).values(now)).rowcount


def not_indexed(column: ColumnElement[str]) -> ColumnElement[str]:
    """The column, so that no index is chosen for it.

    SQLite expects ten rows of a model, and would rather read these than look up a hundred ids.
    """
    return column.concat("")


def chunks(ids: Collection[Id]) -> Iterator[list[Id]]:
    """The ids, so many at a time as one statement takes."""
    left = iter(ids)
    while some := list(islice(left, AT_ONCE)):
        yield some
