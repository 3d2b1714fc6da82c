"""The batches of the job store: each change of a batch and its jobs is one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from common.base.errors import VideosDGXError
from common.base.errors.batch import BatchConflict, BatchNotFound
from common.jobs.batches import Batch, BatchPage, Glance, Member, NewBatch
from common.jobs.model import Job, NewJob, Progress
from common.jobs.rows import parsed, read
from common.jobs.schema import batches, jobs
from common.jobs.sql_base import chunks, not_indexed
from common.jobs.sql_clients import SqlClients
from common.jobs.statements import before
from common.jobs.states import UNFINISHED, Event, JobState

_MEMBERS = TypeAdapter(tuple[Member, ...])
_SHOWN = select(jobs.c.id, jobs.c.batch, jobs.c.state, jobs.c.progress, jobs.c.error)


class SqlBatches(SqlClients):
    """See ``common.jobs.batch_store.BatchStore``."""

    def submit_batch(
        self,
        new: NewBatch,
        new_jobs: Sequence[NewJob],
        max_unfinished: int,
        max_of_owner: int = 0,
    ) -> Batch:
        row = new.model_dump(exclude={"members"}) | {
            "members": _MEMBERS.dump_json(new.members).decode(),
            "created_at": self._clock(),
        }
        with self._writing() as connection:
            self._one_writer(connection)
            if (known := self._known(connection, new_jobs[0])) is not None:
                return self._batch_of(connection, known)
            self._insert_all(connection, new_jobs, max_unfinished, max_of_owner)
            statement = insert(batches).values(row).returning(batches)
            return _from_row(connection.execute(statement).one())

    def batch(self, batch_id: str) -> Batch:
        with self._reading() as connection:
            return self._batch(connection, batch_id)

    def batches(self, batch_ids: Sequence[str]) -> list[Batch]:
        ours = not_indexed(batches.c.model) == self.model
        mine = ours if self._owner is None else ours & (batches.c.owner == self._owner)
        with self._reading() as connection:
            return [
                _from_row(row)
                for some in chunks(batch_ids)
                for row in connection.execute(select(batches).where(mine, batches.c.id.in_(some)))
            ]

    def batch_page(self, *, cursor: str | None = None, limit: int = 20) -> BatchPage:
        query = select(batches).where(self._my_batches(), *before(batches.c.number, cursor))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(batches.c.number.desc()).limit(limit + 1))
            found = [_from_row(row) for row in rows]
        more = len(found) > limit
        return BatchPage(
            batches=tuple(found[:limit]),
            next_cursor=str(found[limit - 1].number) if more else None,
        )

    def glances(self, batch_ids: Sequence[str]) -> list[Glance]:
        query = _SHOWN.where(self._mine(), jobs.c.batch.in_(batch_ids))
        in_order = query.order_by(jobs.c.batch, jobs.c.number)
        with self._reading() as connection:
            return [_glance(row) for row in connection.execute(in_order)]

    def batch_jobs(self, batch_id: str) -> list[Job]:
        query = select(jobs).where(self._in_batch(batch_id)).order_by(jobs.c.number)
        with self._reading() as connection:
            return [self._job(row) for row in connection.execute(query)]

    def cancel_batch(self, batch_id: str) -> list[Job]:
        query = select(jobs.c.id).where(self._in_batch(batch_id), jobs.c.state.in_(UNFINISHED))
        with self._writing() as connection:
            self._batch(connection, batch_id)
            ids = connection.execute(query.order_by(jobs.c.number)).scalars().all()
            moved = [self._move(connection, Event.CANCEL, jobs.c.id == one) for one in ids]
            cancelled = [self._job(row) for row in moved if row is not None]
        if not cancelled:
            raise BatchConflict(
                "Every job of the batch has ended already.",
                hint="Only unfinished jobs can be cancelled.",
            )
        return cancelled

    def retry_batch(
        self,
        batch_id: str,
        replacements: Mapping[str, NewJob],
        max_unfinished: int,
        max_of_owner: int = 0,
    ) -> Batch:
        with self._writing() as connection:
            self._one_writer(connection)
            batch = self._batch(connection, batch_id)
            if not set(replacements) <= self._failed(connection, batch):
                raise BatchConflict("The batch has changed meanwhile.", hint="Look at it again.")
            new = list(replacements.values())
            self._insert_all(connection, new, max_unfinished, max_of_owner)
            members = tuple(_retried(member, replacements) for member in batch.members)
            text = _MEMBERS.dump_json(members).decode()
            connection.execute(update(batches).where(batches.c.id == batch_id).values(members=text))
        return batch.model_copy(update={"members": members})

    def delete_batch(self, batch_id: str) -> list[Job]:
        with self._writing() as connection:
            self._one_writer(connection)  # against a retry at the same moment
            self._batch(connection, batch_id)
            unfinished = select(func.count()).where(
                self._in_batch(batch_id), jobs.c.state.in_(UNFINISHED)
            )
            if count := connection.execute(unfinished).scalar_one():
                raise BatchConflict(
                    f"{count} jobs of the batch are unfinished.",
                    hint=f"Cancel them first: POST /batches/{batch_id}/cancel.",
                )
            gone = delete(jobs).where(self._in_batch(batch_id)).returning(jobs)
            removed = self._in_order(connection.execute(gone))
            self._note_deleted(connection, removed)
            connection.execute(delete(batches).where(batches.c.id == batch_id))
        return removed

    def _my_batches(self) -> ColumnElement[bool]:
        of_model = batches.c.model == self.model
        return of_model if self._owner is None else of_model & (batches.c.owner == self._owner)

    def _in_batch(self, batch_id: str) -> ColumnElement[bool]:
        return self._mine() & (jobs.c.batch == batch_id)

    def _batch(self, connection: Connection, batch_id: str) -> Batch:
        query = select(batches).where(self._my_batches(), batches.c.id == batch_id)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise BatchNotFound("No such batch.", param="id", hint="GET /batches lists them.")
        return _from_row(row)

    def _batch_of(self, connection: Connection, known: Job | VideosDGXError) -> Batch:
        """The batch that the key of a new one has made before. Raises what its client gets."""
        if not isinstance(known, Job):
            raise known
        return self._batch(connection, known.batch or "")

    def _failed(self, connection: Connection, batch: Batch) -> set[str]:
        query = select(jobs.c.id).where(
            self._in_batch(batch.id),
            jobs.c.id.in_(batch.job_ids),
            jobs.c.state == JobState.FAILED,
        )
        return set(connection.execute(query).scalars())

    def _in_order(self, rows: Iterable[Row[Any]]) -> list[Job]:
        """RETURNING promises no order."""
        return sorted(map(self._job, rows), key=lambda job: job.number)

    def _insert_all(
        self,
        connection: Connection,
        new: Sequence[NewJob],
        max_unfinished: int,
        max_of_owner: int,
    ) -> None:
        room = self._room(connection, new, max_unfinished, max_of_owner)
        if refusal := room.refusal_of_all(len(new)):
            raise refusal
        for job in new:
            if refusal := room.refusal(job):
                raise refusal
            self._insert(connection, job)


def _retried(member: Member, replacements: Mapping[str, NewJob]) -> Member:
    if member.job is None or member.job not in replacements:
        return member
    earlier = (*member.earlier, member.job)
    return member.model_copy(update={"job": replacements[member.job].id, "earlier": earlier})


def _from_row(row: Row[Any]) -> Batch:
    columns = dict(row._mapping)
    return read(Batch, columns | {"members": parsed(columns["members"])}, {"members": ()})[0]


def _glance(row: Row[*tuple[Any, ...]]) -> Glance:
    values = {"id": row.id, "batch": row.batch, "state": row.state}
    values |= {"error": parsed(row.error), "progress": parsed(row.progress)}
    in_place = {"state": JobState.FAILED, "error": None, "progress": Progress()}
    return read(Glance, values, in_place)[0]
