"""Finds the finished jobs that a request uses: of this service, or of another one of the stack.

The database of another service is its own; its outputs are on the volume that all share, each
folder with the record of its job.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from fastapi.concurrency import run_in_threadpool

from common.api.routes.acting import published_file
from common.api.service import Service
from common.base.errors import FileGone, JobConflict, JobNotFound
from common.contract.fields import JOB_ID
from common.contract.kind import main_file
from common.contract.work import Finished
from common.publishing.draft import MANIFEST


async def finished_jobs(service: Service, used: Mapping[str, str]) -> dict[str, Finished]:
    """The jobs that a request uses, by the names of its fields.

    Raises:
        JobNotFound, JobConflict, FileGone: one is not there for the caller, not finished, or has
            lost its file; naming the field.
        StorageUnavailable: the outputs volume has gone.
    """
    return {field: await _finished(service, field, job_id) for field, job_id in used.items()}


async def _finished(service: Service, field: str, job_id: str) -> Finished:
    try:
        job = await service.queue.read(service.queue.store.get, job_id)
        path = await published_file(service, job, main_file(service.kind))
    except JobNotFound:
        return await _elsewhere(service, field, job_id)
    except (JobConflict, FileGone) as exc:
        raise type(exc)(f"{field}: {exc.body.message}", param=field, hint=exc.body.hint) from exc
    assert job.result is not None  # noqa: S101  # it has a file
    return Finished(job_id, path, job.result.model_dump())


async def _elsewhere(service: Service, field: str, job_id: str) -> Finished:
    """Of another service of this kind: beside this one's outputs, or in the bucket of both."""
    found = await run_in_threadpool(_beside, service, job_id)
    if found is None and service.bucket is not None and re.fullmatch(JOB_ID, job_id):
        name = main_file(service.kind).name
        borrowed = await service.bucket.elsewhere(job_id, name, partial(_is_ours, service))
        found = borrowed and Finished(job_id, borrowed[0], borrowed[1]["result"])
    if found is not None:
        return found
    raise JobNotFound(
        f"{field}: there is no finished job {job_id} of yours on this machine.",
        param=field,
        hint="GET /jobs of its service lists them; services see each other's in one OUTPUTS_DIR.",
    )


def _beside(service: Service, job_id: str) -> Finished | None:
    for path in _manifests(service.settings.outputs_dir, job_id):
        manifest = _read(path)
        if _is_ours(service, manifest):
            return Finished(
                job_id, path.with_name(main_file(service.kind).name), manifest["result"]
            )
    return None


def _is_ours(service: Service, manifest: Mapping[str, Any]) -> bool:
    """Whether its job is the caller's, and of this kind."""
    theirs = service.queue.sees_all or manifest.get("owner") == service.queue.owner
    return theirs and manifest.get("kind") == service.kind.name


def _manifests(outputs: Path, job_id: str) -> Iterator[Path]:
    if re.fullmatch(JOB_ID, job_id):
        yield from outputs.glob(f"*/{job_id}-*/{MANIFEST}")


def _read(path: Path) -> Mapping[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # removed meanwhile, or not whole
        return {}
    return manifest if isinstance(manifest, dict) else {}
