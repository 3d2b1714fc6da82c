"""Jobs to rows and back: nested records are JSON text.

A row may be odd: written by another version, or damaged. Reading one never fails; what cannot be
read of it is replaced, and named in ``Job.unreadable``.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from sqlalchemy import Row

from common.base.errors import ErrorBody
from common.contract.kind import Kind
from common.contract.work import Adjustment, JobResult, Resolved
from common.jobs.model import Job, NewJob, Progress
from common.jobs.states import JobState

Record = TypeVar("Record", bound=BaseModel)

_ADJUSTMENTS = TypeAdapter(tuple[Adjustment, ...])
_IN_PLACE: dict[str, Any] = {
    "id": "",
    "model": "",
    "requested": {},
    "number": 0,
    "state": JobState.FAILED,
    "created_at": 0.0,
}
"""What stands for an unreadable value that a job must have; for others it is their default."""

UNREADABLE = "unreadable_record"
"""The error's code of a job whose record cannot be read."""

_JSON_COLUMNS = ("requested", "resolved", "adjustments", "progress", "result", "error", "stored")


def to_row(job: NewJob, kind: str) -> dict[str, Any]:
    """The columns of a job that has just been accepted."""
    return {
        "id": job.id,
        "model": job.model,
        "kind": kind,
        "owner": job.owner,
        "priority": job.priority,
        "batch": job.batch,
        "shape": job.shape,
        "webhook": job.webhook,
        "trace": job.trace,
        "estimated": job.estimated,
        "state": JobState.QUEUED.value,
        "requested": json.dumps(job.requested),
        **amended(job.resolved, job.adjustments),
        "progress": Progress().model_dump_json(),
        "attempts": 0,
        "beats": 0,
    }


def amended(resolved: Resolved, adjustments: Sequence[Adjustment]) -> dict[str, str]:
    """The columns of what becomes of a request."""
    return {
        "resolved": resolved.model_dump_json(),
        "adjustments": _ADJUSTMENTS.dump_json(tuple(adjustments)).decode(),
    }


@cache
def _record_of(resolved: type[Resolved], result: type[JobResult]) -> type[Job]:
    """Jobs of a kind. Made once: jobs of two stores are equal where all of them is."""
    fields: dict[str, Any] = {"resolved": (resolved, ...), "result": (result | None, None)}
    return create_model("Job", __base__=Job, **fields)


class JobRows:
    """Rows to jobs of one kind of work."""

    def __init__(self, kind: Kind, keep_seconds: float | None = None) -> None:
        """``keep_seconds``: how old files may grow."""
        self._keep_seconds = keep_seconds
        self.kind, self.noun = kind.name, kind.noun
        self.record = _record_of(kind.resolved, kind.result)
        self._in_place = _IN_PLACE | {"resolved": kind.nothing}

    def job(self, row: Row[Any]) -> Job:
        """The job that a row holds. Never fails: see above."""
        columns = dict(row._mapping)
        for name in _JSON_COLUMNS:
            columns[name] = parsed(columns[name])
        if columns["kind"] not in (None, self.kind):  # None: of a version that knew one kind
            columns["resolved"] = columns["result"] = "of another kind"
        columns["expires_at"] = self._end(row)
        job, odd = read(self.record, columns, self._in_place)
        if job.in_bucket and job.expires_at is not None:
            job = job.model_copy(update={"expires_at": None})
        return _marked(job, odd) if odd else job

    def _end(self, row: Row[Any]) -> float | None:
        """When its files will be too old, where it has any that nobody keeps."""
        stays = row.state != JobState.COMPLETED or row.expired_at is not None or row.kept
        if stays or self._keep_seconds is None or not isinstance(row.finished_at, float):
            return None
        return row.finished_at + self._keep_seconds


def read(
    record: type[Record], columns: Mapping[str, Any], in_place: Mapping[str, Any]
) -> tuple[Record, tuple[str, ...]]:
    """A record of these columns, and the names of those that could not be read.

    ``in_place`` has what stands for an unreadable value; where it has nothing, that is the
    record's default.
    """
    try:
        return record.model_validate(columns), ()
    except ValidationError as exc:
        odd = tuple(dict.fromkeys(str(error["loc"][0]) for error in exc.errors()))
    good = {name: value for name, value in columns.items() if name not in odd}
    others = {name: in_place[name] for name in odd if name in in_place}
    return record.model_validate({**good, **others}), odd


def parsed(text: str | None) -> Any:
    """JSON; where it is none, the text itself, which is no record either."""
    try:
        return None if text is None else json.loads(text)
    except (TypeError, ValueError):
        return text


def state_of(text: str) -> JobState:
    """A state as stored; one that this version does not know is an end, for it."""
    return JobState(text) if text in set(JobState) else JobState.FAILED


def unreadable_record(job: Job) -> ErrorBody:
    """Why a job with an odd row is not made."""
    return ErrorBody(
        code=UNREADABLE,
        message=f"The record of this job cannot be read ({', '.join(job.unreadable)}): it is "
        "damaged, or another version wrote it.",
        hint="Send the request again.",
    )


def _marked(job: Job, odd: tuple[str, ...]) -> Job:
    job = job.model_copy(update={"unreadable": odd})
    if job.state is JobState.COMPLETED and job.result is None:
        # Only the record is lost: its files stay.
        job = job.model_copy(update={"state": JobState.FAILED})
    if job.state is JobState.FAILED and job.error is None:
        job = job.model_copy(update={"error": unreadable_record(job)})
    return job
