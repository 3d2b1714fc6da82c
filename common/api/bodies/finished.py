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
from common.jobs.model import Job
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
        job, path = await _on_disk(service, job_id)
    except JobNotFound:
        return await _elsewhere(service, field, job_id)
    except (JobConflict, FileGone) as exc:
        raise type(exc)(f"{field}: {exc.body.message}", param=field, hint=exc.body.hint) from exc
    assert job.result is not None  # noqa: S101  # it has a file
    return Finished(job_id, path, job.result.model_dump())


async def _on_disk(service: Service, job_id: str) -> tuple[Job, Path]:
    """One of this service, and its file, which stays for as long as a request takes."""
    job = await service.queue.read(service.queue.store.get, job_id)
    path = await published_file(service, job, main_file(service.kind, job.result))
    if service.bucket is not None:
        held = await service.bucket.hold(path)
        if held is None:  # the bucket got it just now: what is brought back stays for long
            path = await published_file(service, job, main_file(service.kind, job.result))
        return job, held or path
    return job, path


async def _elsewhere(service: Service, field: str, job_id: str) -> Finished:
    """Of another service: beside this one's outputs, or in the bucket of both."""
    found = await run_in_threadpool(_beside, service, job_id)
    if found is None and service.bucket is not None and re.fullmatch(JOB_ID, job_id):
        borrowed = await service.bucket.elsewhere(job_id, partial(_file_of, service))
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
        if (name := _file_of(service, manifest)) is not None:
            return Finished(job_id, path.with_name(name), manifest["result"])
    return None


def _file_of(service: Service, manifest: Mapping[str, Any]) -> str | None:
    """What a job was for, where it is the caller's and of a kind that this one takes."""
    queue, kind = service.queue, service.kind
    if not (queue.sees_all or manifest.get("owner") == queue.owner):
        return None
    usual = {kind.name: main_file(kind).name, **kind.takes}.get(manifest.get("kind", ""))
    named: str | None = manifest.get("result", {}).get("file")
    return usual and (named or usual)


def _manifests(outputs: Path, job_id: str) -> Iterator[Path]:
    if re.fullmatch(JOB_ID, job_id):
        yield from outputs.glob(f"*/{job_id}-*/{MANIFEST}")


def _read(path: Path) -> Mapping[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # removed meanwhile, or not whole
        return {}
    return manifest if isinstance(manifest, dict) else {}
