"""The pipelines of the job store on SQLAlchemy Core."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from common.base.errors.pipeline import PipelineConflict, PipelineNotFound
from common.base.errors.queue import QueueFull, TooManyJobs
from common.jobs.keys import HEADER, check_fingerprint, expired_keys, kept_key, new_key_row
from common.jobs.model import KeyUse
from common.jobs.outbox import DeliveryState, receiver_of
from common.jobs.pipelines import (
    UNFINISHED,
    NewPipeline,
    Pipeline,
    PipelinePage,
    PipelineState,
    Step,
    event_of,
)
from common.jobs.rows import parsed, read
from common.jobs.schema import idempotency_keys, webhook_deliveries
from common.jobs.schema_pipelines import pipelines
from common.jobs.sql_base import chunks, not_indexed
from common.jobs.sql_clients import SqlClients
from common.jobs.sql_outbox import SqlOutbox
from common.jobs.statements import before

_STEPS = TypeAdapter(tuple[Step, ...])
RETRY_AFTER_SECONDS = 30


class SqlPipelines(SqlClients, SqlOutbox):
    """See ``common.jobs.pipeline_store.PipelineStore``."""

    def submit_pipeline(
        self,
        new: NewPipeline,
        max_unfinished: int,
        max_of_owner: int = 0,
        key: KeyUse | None = None,
    ) -> Pipeline:
        row = new.model_dump(exclude={"steps"}) | {
            "steps": _STEPS.dump_json(new.steps).decode(),
            "state": PipelineState.RUNNING.value,
            "version": 0,
            "created_at": self._clock(),
        }
        with self._writing() as connection:
            self._one_writer(connection)
            if key and (known := self._made_by(connection, new.owner, key)) is not None:
                return known
            self._check_room(connection, new.owner, max_unfinished, max_of_owner)
            if key:
                now = self._now(connection)
                connection.execute(expired_keys(self.model, key, now))
                row_of_key = new_key_row(self.model, new.owner, new.id, key, now)
                connection.execute(insert(idempotency_keys), row_of_key)
            return _from_row(
                connection.execute(insert(pipelines).values(row).returning(pipelines)).one()
            )

    def pipeline(self, pipeline_id: str) -> Pipeline:
        with self._reading() as connection:
            return self._pipeline(connection, pipeline_id)

    def pipelines(self, pipeline_ids: Sequence[str]) -> list[Pipeline]:
        ours = not_indexed(pipelines.c.model) == self.model
        mine = ours if self._owner is None else ours & (pipelines.c.owner == self._owner)
        with self._reading() as connection:
            return [
                _from_row(row)
                for some in chunks(pipeline_ids)
                for row in connection.execute(
                    select(pipelines).where(mine, pipelines.c.id.in_(some))
                )
            ]

    def pipeline_page(self, *, cursor: str | None = None, limit: int = 20) -> PipelinePage:
        query = select(pipelines).where(self._my_pipelines(), *before(pipelines.c.number, cursor))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(pipelines.c.number.desc()).limit(limit + 1))
            found = [_from_row(row) for row in rows]
        more = len(found) > limit
        return PipelinePage(
            pipelines=tuple(found[:limit]),
            next_cursor=str(found[limit - 1].number) if more else None,
        )

    def unfinished_pipelines(self) -> Mapping[str, int]:
        table = pipelines.c
        query = select(table.number, table.id, table.version).where(self._unfinished_ones())
        with self._reading() as connection:
            rows = sorted(connection.execute(query).all())  # few: no index has all their states
        return {row.id: row.version for row in rows}

    def change_pipeline(self, changed: Pipeline) -> Pipeline | None:
        with self._writing() as connection:
            return self._changed(connection, changed)

    def retry_pipeline(
        self, changed: Pipeline, max_unfinished: int, max_of_owner: int = 0
    ) -> Pipeline | None:
        with self._writing() as connection:
            self._one_writer(connection)
            self._check_room(connection, changed.owner, max_unfinished, max_of_owner)
            return self._changed(connection, changed)

    def _changed(self, connection: Connection, changed: Pipeline) -> Pipeline | None:
        ends = changed.ended and changed.finished_at is None
        steps = {} if changed.unreadable else {"steps": _STEPS.dump_json(changed.steps).decode()}
        values = steps | {
            "state": changed.state.value,
            "version": changed.version + 1,
            "finished_at": self._clock() if ends else changed.finished_at,
        }
        same = (pipelines.c.id == changed.id) & (pipelines.c.version == changed.version)
        statement = update(pipelines).where(self._my_pipelines(), same).values(values)
        row = connection.execute(statement.returning(pipelines)).one_or_none()
        if row is None:
            return None
        pipeline = _from_row(row)
        if ends and pipeline.webhook is not None:
            self._tell(connection, pipeline, pipeline.webhook)
        return pipeline

    def delete_pipeline(self, pipeline_id: str) -> Pipeline:
        ended = pipelines.c.state.not_in(UNFINISHED)
        mine = self._my_pipelines() & (pipelines.c.id == pipeline_id)
        statement = delete(pipelines).where(mine, ended).returning(pipelines)
        with self._writing() as connection:
            row = connection.execute(statement).one_or_none()
            if row is not None:
                self._forget_told(connection, [pipeline_id])
                return _from_row(row)
            pipeline = self._pipeline(connection, pipeline_id)
        raise PipelineConflict(
            f"The pipeline is {pipeline.state}.",
            hint=f"Cancel it first: POST /pipelines/{pipeline_id}/cancel.",
        )

    def _my_pipelines(self) -> ColumnElement[bool]:
        of_model = pipelines.c.model == self.model
        return of_model if self._owner is None else of_model & (pipelines.c.owner == self._owner)

    def _unfinished_ones(self) -> ColumnElement[bool]:
        return (pipelines.c.model == self.model) & pipelines.c.state.in_(sorted(UNFINISHED))

    def _pipeline(self, connection: Connection, pipeline_id: str) -> Pipeline:
        query = select(pipelines).where(self._my_pipelines(), pipelines.c.id == pipeline_id)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise PipelineNotFound
        return _from_row(row)

    def _made_by(self, connection: Connection, owner: str, use: KeyUse) -> Pipeline | None:
        """The pipeline that a client's key has made. Raises KeyReused, PipelineConflict."""
        found = connection.execute(kept_key(self.model, owner, use, self._now(connection)))
        row = found.one_or_none()
        if row is None:
            return None
        check_fingerprint(row.fingerprint, use)
        try:
            return self._pipeline(connection, row.job)
        except PipelineNotFound:
            raise PipelineConflict(
                f"The pipeline of this {HEADER} was deleted.",
                param=HEADER,
                hint="Take a new key to make it again.",
            ) from None

    def _check_room(
        self, connection: Connection, owner: str, most: int, most_of_owner: int
    ) -> None:
        query = select(func.count()).where(self._unfinished_ones())
        if connection.execute(query).scalar_one() >= most:
            raise QueueFull(
                f"{most} pipelines are unfinished already.",
                retry_after=RETRY_AFTER_SECONDS,
                hint="Try again later. MAX_QUEUE sets the limit.",
            )
        own = query.where(pipelines.c.owner == owner)
        if most_of_owner and connection.execute(own).scalar_one() >= most_of_owner:
            raise TooManyJobs(
                f"{most_of_owner} pipelines of yours are unfinished already.",
                retry_after=RETRY_AFTER_SECONDS,
                hint="Wait for one, or cancel one.",
            )

    def _tell(self, connection: Connection, pipeline: Pipeline, url: str) -> None:
        """Its delivery, as a job's. One that was retried is told of again, under another id."""
        connection.execute(
            delete(webhook_deliveries).where(webhook_deliveries.c.job == pipeline.id)
        )
        told = {
            "id": f"msg_{pipeline.id}_{pipeline.version}",
            "job": pipeline.id,
            "model": self.model,
            "url": url,
            "host": receiver_of(url),
            "body": event_of(pipeline).model_dump_json(),
            "state": DeliveryState.PENDING.value,
            "next_at": self._clock(),
            "wait": 0.0,
            "attempts": "[]",
        }
        connection.execute(insert(webhook_deliveries).values(told))

    def _there(self, connection: Connection, told_of: str) -> bool:
        if super()._there(connection, told_of):
            return True
        query = select(pipelines.c.number).where(pipelines.c.id == told_of)
        return connection.execute(query.with_for_update(read=True)).one_or_none() is not None


def _from_row(row: Row[Any]) -> Pipeline:
    columns = dict(row._mapping)
    in_place = {"steps": (), "state": PipelineState.FAILED}
    pipeline, odd = read(Pipeline, columns | {"steps": parsed(columns["steps"])}, in_place)
    failed = {"state": PipelineState.FAILED, "unreadable": True}
    return pipeline.model_copy(update=failed) if odd else pipeline
