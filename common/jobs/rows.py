"""Jobs to rows and back: nested records are JSON text."""

import json
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row

from common.jobs.model import Job, NewJob, Progress
from common.jobs.states import JobState
from common.requests import Adjustment

_ADJUSTMENTS = TypeAdapter(tuple[Adjustment, ...])
_JSON_COLUMNS = ("requested", "resolved", "adjustments", "progress", "result", "error")


def to_row(job: NewJob) -> dict[str, Any]:
    """The columns of a job that has just been accepted."""
    return {
        "id": job.id,
        "model": job.model,
        "owner": job.owner,
        "priority": job.priority,
        "batch": job.batch,
        "shape": job.shape,
        "webhook": job.webhook,
        "trace": job.trace,
        "estimated": job.estimated,
        "state": JobState.QUEUED.value,
        "requested": json.dumps(job.requested),
        "resolved": job.resolved.model_dump_json(),
        "adjustments": _ADJUSTMENTS.dump_json(job.adjustments).decode(),
        "progress": Progress().model_dump_json(),
        "attempts": 0,
        "beats": 0,
    }


def from_row(row: Row[Any]) -> Job:
    """The job that a row holds."""
    columns = dict(row._mapping)
    for name in _JSON_COLUMNS:
        if columns[name] is not None:
            columns[name] = json.loads(columns[name])
    return Job.model_validate(columns)
