"""A store with a long past: ten thousand rows of everything, so that a plan of a database says what
it would say with a million."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Table, insert

from common.jobs.outbox import DeliveryState
from common.jobs.pipelines import PipelineState
from common.jobs.rows import to_row
from common.jobs.schema import (
    batches,
    deleted_jobs,
    idempotency_keys,
    jobs,
    webhook_deliveries,
)
from common.jobs.schema_pipelines import pipelines
from common.jobs.schema_uploads import uploads
from common.jobs.sql import SqlJobStore
from common.jobs.states import JobState
from common.jobs.stored import Act
from common.kinds.video import VIDEO_KIND
from tests.contract.test_store import new_job

MANY = 10_000
QUEUED, FAILED = 500, 200
AT_ONCE = 1000
"""A transaction has five seconds, on a busy machine too."""


def fill(store: SqlJobStore) -> None:
    """A long past, a queue, and some of every other thing."""
    for table, row in _ROWS.items():
        for first in range(0, MANY, AT_ONCE):
            with store._writing() as connection:
                connection.execute(insert(table), list(map(row, range(first, first + AT_ONCE))))
    with store._writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")


def _row(number: int) -> dict[str, Any]:
    owner = "ann" if number % 50 == 0 else f"owner {number % 7}"
    new = new_job(owner=owner, batch=str(number % 100) if number % 3 == 0 else None)
    state = JobState.COMPLETED
    if number >= MANY - QUEUED:
        return to_row(new, VIDEO_KIND.name) | {
            "created_at": number,
            "started_at": None,
            "finished_at": None,
        }
    if number % (MANY // FAILED) == 0:
        state = JobState.FAILED
    times = {"created_at": number, "started_at": number + 1, "finished_at": number + 2}
    return to_row(new, VIDEO_KIND.name) | times | {"state": state}


def _delivery(number: int) -> dict[str, Any]:
    state = DeliveryState.PENDING if number % 1000 == 0 else DeliveryState.DELIVERED
    told = {"job": str(number), "id": str(number), "url": "http://a", "host": "a", "body": "{}"}
    return told | {"model": "toy", "state": state, "next_at": number, "attempts": "[]"}


def _upload(number: int) -> dict[str, Any]:
    where = {"bucket": "vids", "folder": f"toy/{number}/", "local": "f"}
    model = "toy" if number % 50 == 0 else "other"  # of services that share a database
    owed = {"job": str(number), "model": model, "act": Act.STORE, "attempts": 0}
    return owed | where | {"next_at": number}


def _key(number: int) -> dict[str, Any]:
    use = {"model": "toy", "owner": "ann", "key": str(number), "fingerprint": "f"}
    return use | {"job": str(number), "expires_at": 1e12 + number}


def _batch(number: int) -> dict[str, Any]:
    owner = "ann" if number % 50 == 0 else "ben"
    row = {"id": str(number), "model": "toy", "owner": owner, "name": None}
    return row | {"created_at": number, "members": "[]"}


def _pipeline(number: int) -> dict[str, Any]:
    state = PipelineState.COMPLETED if number % 1000 else PipelineState.RUNNING
    row = {"id": str(number), "model": "toy", "owner": "ann" if number % 50 == 0 else "ben"}
    return row | {"state": state, "version": 0, "created_at": number, "steps": "[]"}


def _deleted(number: int) -> dict[str, Any]:
    return {"model": "toy", "id": str(number)}


_ROWS: dict[Table, Callable[[int], dict[str, Any]]] = {
    jobs: _row,
    webhook_deliveries: _delivery,
    uploads: _upload,
    idempotency_keys: _key,
    batches: _batch,
    pipelines: _pipeline,
    deleted_jobs: _deleted,
}
