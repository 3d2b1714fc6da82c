"""What every part of the job store on SQLAlchemy Core stands on: transactions, moves, one row."""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, func, insert, select

from common.errors import JobNotFound
from common.jobs.damage import Soundness
from common.jobs.database import open_database, reading, translated_errors
from common.jobs.model import Job
from common.jobs.rows import from_row
from common.jobs.schema import deleted_jobs, jobs
from common.jobs.statements import held, move
from common.jobs.states import UNFINISHED, Event, JobState


class SqlBase:
    """One database, seen from one model. SQLite or PostgreSQL, the same statements."""

    def __init__(self, url: str, model: str, clock: Callable[[], float] = time.time) -> None:
        self.model = model
        self._clock = clock
        self._owner: str | None = None
        self.soundness = Soundness()
        with translated_errors():
            self._engine: Engine = open_database(url)
        # Built once: putting this statement together costs more than running it.
        self._unfinished = select(func.count()).where(
            self._everyones(), jobs.c.state.in_(UNFINISHED)
        )
        self._reader = reading(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def _one_writer(self, connection: Connection) -> None:
        """SQLite has one writer always; PostgreSQL's would count each other's rows too late."""
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(self.model))))

    def seen_by(self, owner: str) -> Self:
        view = copy.copy(self)
        view._owner = owner
        return view

    def _mine(self) -> ColumnElement[bool]:
        """All that there is, for most purposes: of this model, and in an owner's view theirs."""
        if self._owner is None:
            return self._everyones()
        return and_(self._everyones(), jobs.c.owner == self._owner)

    def _everyones(self) -> ColumnElement[bool]:
        return jobs.c.model == self.model

    def _one(self, connection: Connection, job_id: str) -> Job:
        query = select(jobs).where(self._mine(), jobs.c.id == job_id)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise JobNotFound("No such job.", param="id", hint="GET /jobs lists them.")
        return from_row(row)

    def _note_deleted(self, connection: Connection, ids: Sequence[str]) -> None:
        """In the transaction that forgets the jobs: what is left of their files may go."""
        if ids:
            rows = [{"model": self.model, "id": job_id} for job_id in ids]
            connection.execute(insert(deleted_jobs), rows)

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
        self.soundness.refuse()
        with self.soundness.watched(), translated_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self.soundness.watched(), translated_errors(), self._reader.connect() as connection:
            yield connection
