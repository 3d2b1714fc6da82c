"""The outbox of the job store on SQLAlchemy Core."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)

from common.jobs.model import Job
from common.jobs.outbox import Delivery, DeliveryState, event_of, receiver_of
from common.jobs.rows import parsed, read
from common.jobs.schema import jobs, webhook_deliveries
from common.jobs.sql_base import SqlBase, chunks
from common.jobs.states import ENDED, Event, JobState
from common.jobs.totals import WEBHOOK, of_kind

LONGEST_WAIT_SECONDS = 100_000.0
"""Of a delivery that does not say: a day, which a receiver may ask for, and a tenth of it."""
CLOCK_SLACK_SECONDS = 60.0
"""A clock that is put back by less than this delays a delivery by as much."""
_PENDING = webhook_deliveries.c.state == DeliveryState.PENDING


class SqlOutbox(SqlBase):
    """See ``common.jobs.outbox.Outbox``."""

    def _move(
        self,
        connection: Connection,
        event: Event,
        where: ColumnElement[bool],
        changes: dict[str, Any] | None = None,
    ) -> Row[Any] | None:
        """Every move of a job; one that ends it also writes down whom to tell."""
        row = super()._move(connection, event, where, changes)
        if row is not None and row.webhook is not None and JobState(row.state) in ENDED:
            connection.execute(insert(webhook_deliveries).values(self._delivery(row)))
        return row

    def claim_delivery(
        self, lease_seconds: float, busy_hosts: Collection[str] = ()
    ) -> Delivery | None:
        table, now = webhook_deliveries, self._clock()
        due = and_(self._ours(), _PENDING, table.c.next_at <= now, table.c.host.not_in(busy_hosts))
        lease = {"next_at": now + lease_seconds, "wait": lease_seconds}
        row = self._take_first(table, due, lease)
        return None if row is None else _from_row(row)

    def settle_delivery(self, told: Delivery) -> None:
        attempts = json.dumps([attempt.model_dump() for attempt in told.attempts])
        when: dict[str, Any] = {"next_at": told.next_at, "wait": told.wait}
        values = {"state": told.state.value, "attempts": attempts, **when}
        table = webhook_deliveries.c  # the end of a retry takes the place of the one before
        mine = and_(_PENDING, table.job == told.job, table.id == told.id)
        with self._writing() as connection:
            there = self._there(connection, told.job)
            connection.execute(update(webhook_deliveries).where(mine).values(values))
            if not there:  # removed while it was being told
                self._forget_told(connection, [told.job])

    def hasten_deliveries(self) -> int:
        table = webhook_deliveries
        soon = self._clock() + CLOCK_SLACK_SECONDS
        ahead = table.c.next_at > soon + func.coalesce(table.c.wait, LONGEST_WAIT_SECONDS)
        # The first of the two is for the index: those that are due soon are not looked at.
        late = and_(self._ours(), _PENDING, table.c.next_at > soon, ahead)
        return self._make_due(table, late)

    def delivery(self, job_id: str) -> Delivery | None:
        query = select(webhook_deliveries).where(self._ours(), webhook_deliveries.c.job == job_id)
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _from_row(row)

    def count_deliveries(self) -> dict[DeliveryState, int]:
        with self._reading() as connection:
            return self._deliveries(connection)

    def _deliveries(self, connection: Connection) -> dict[DeliveryState, int]:
        kept = connection.execute(of_kind(self.model, WEBHOOK)).all()
        return {DeliveryState(total.state): total.amount for total in kept if total.amount}

    def _note_deleted(self, connection: Connection, removed: Sequence[Job]) -> None:
        """What has been told of removed jobs is forgotten with them; the rest is still told."""
        super()._note_deleted(connection, removed)
        self._forget_told(connection, [job.id for job in removed])

    def _forget_told(self, connection: Connection, ids: Sequence[str]) -> None:
        table = webhook_deliveries.c
        for some in chunks(ids):
            # PostgreSQL: one that is being settled is waited for, and looked at as it is then.
            those = select(table.job).where(table.job.in_(some))
            connection.execute(those.with_for_update()).all()
            connection.execute(delete(webhook_deliveries).where(table.job.in_(some), ~_PENDING))

    def _there(self, connection: Connection, told_of: str) -> bool:
        """Whether there is still what is told of; it stays until this transaction ends."""
        job = select(jobs.c.number).where(jobs.c.id == told_of)
        return connection.execute(job.with_for_update(read=True)).one_or_none() is not None

    def _ours(self) -> ColumnElement[bool]:
        return webhook_deliveries.c.model == self.model

    def _delivery(self, row: Row[Any]) -> dict[str, Any]:
        return {
            "id": f"msg_{row.id}",
            "job": row.id,
            "model": self.model,
            "url": row.webhook,
            "host": receiver_of(row.webhook),
            "body": event_of(self._job(row)).model_dump_json(),
            "state": DeliveryState.PENDING.value,
            "next_at": self._clock(),
            "wait": 0.0,
            "attempts": "[]",
        }


def _from_row(row: Row[Any]) -> Delivery:
    columns = dict(row._mapping)
    in_place = {"state": DeliveryState.GIVEN_UP, "attempts": ()}
    return read(Delivery, columns | {"attempts": parsed(columns["attempts"])}, in_place)[0]
