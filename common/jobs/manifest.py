"""A job's record beside its files: enough to have the row back, should the database be lost."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from common.contract.work import JobResult
from common.jobs.model import Job
from common.jobs.states import JobState

_KEPT = frozenset(
    {
        *("model", "owner", "requested", "resolved", "adjustments", "priority"),
        *("created_at", "started_at", "attempts"),
    }
)


def manifest_of(job: Job, result: JobResult, kind: str) -> dict[str, Any]:
    """What is written with finished files; its folder adds the ids."""
    return {
        "kind": kind,
        **job.model_dump(mode="json", include=set(_KEPT)),
        "result": result.model_dump(mode="json"),
    }


def job_from(
    record: type[Job], manifest: Mapping[str, Any], folder: str, modified: float
) -> Job | None:
    """The completed job that a manifest tells of; None where it tells too little.

    Args:
        record: a job of the kind, as the store reads them.
        manifest: as it was read, by this version or one before, which kept less.
        folder: the name of the published folder now.
        modified: when it was published, in seconds since the epoch.
    """
    told = {name: manifest[name] for name in _KEPT if name in manifest}
    try:
        prompt = told["resolved"].get("prompt")
        return record.model_validate(
            {
                "requested": {} if prompt is None else {"prompt": prompt},
                "created_at": modified,
                **told,
                "id": manifest["job_id"],
                "number": 0,
                "state": JobState.COMPLETED,
                "finished_at": modified,
                "result": {**manifest["result"], "folder": folder},
            }
        )
    except (KeyError, TypeError, AttributeError, ValidationError):
        return None
