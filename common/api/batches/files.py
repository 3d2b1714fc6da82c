"""What a batch has finished: the list of it, and all of it as one ZIP."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, SerializeAsAny
from zipstream import ZipStream

from common.api.batches.views import BatchState, BatchView, MemberState, batch_view
from common.api.routes.acting import published_file
from common.api.routes.file_names import FileName, file_name, name_of
from common.api.service import Service
from common.base.errors import ErrorBody, FileGone
from common.base.errors.batch import BatchConflict
from common.contract import Kind
from common.contract.kind import main_file
from common.contract.work import ClipShown
from common.jobs.batches import Batch, Glance
from common.jobs.model import Job
from common.jobs.states import JobState
from common.jobs.store import JobStore

ARCHIVES_AT_ONCE, ARCHIVES_OF_ONE = 8, 2
"""In all, and of each caller. Each has all of its clips open, 200 at most, as long as it takes."""
CHUNK_BYTES = 256 * 1024
MANIFEST_NAME = "manifest.json"


class MissingView(BaseModel):
    """A member without a file on disk."""

    index: int
    prompt: str
    job_id: str | None
    state: MemberState = Field(description="`completed`: its file was removed.")
    error: ErrorBody | None


class ManifestView(BaseModel):
    """What a batch has made so far."""

    batch_id: str
    name: str | None
    model: str
    state: BatchState
    created_at: datetime
    clips: list[SerializeAsAny[ClipShown]]
    missing: list[MissingView]


@dataclass(frozen=True)
class Clip:
    """A finished job's file, on disk or in a bucket."""

    index: int
    name: str
    """In the ZIP."""
    view: ClipShown
    path: Path


@dataclass(frozen=True)
class Contents:
    """What a batch has on disk at one moment."""

    batch: Batch
    view: BatchView
    clips: tuple[Clip, ...]

    @property
    def archive_name(self) -> FileName:
        """As one file's name, of the batch."""
        batch = self.batch
        return name_of(batch.model, batch.name or "batch", batch.created_at, batch.id, "zip")


async def contents_of(service: Service, batch_id: str, *, on_disk: bool = False) -> Contents:
    """Look at a batch and its files. ``on_disk``: what is in a bucket alone is brought back.

    Raises:
        BatchNotFound, StorageUnavailable, BucketUnavailable.
    """
    batch, jobs = await service.queue.read(batch_with_jobs, service.queue.store, batch_id)
    for job in jobs if on_disk else ():
        if job.in_bucket:
            with suppress(FileGone):  # it is left out
                await published_file(service, job, main_file(service.kind, job.result))
    contents = await run_in_threadpool(_contents, service, batch, jobs)
    if len(contents.clips) < contents.view.counts.get(JobState.COMPLETED, 0):
        await service.volumes.check_now(anew=True)  # or were they removed?
    return contents


def batch_with_jobs(store: JobStore, batch_id: str) -> tuple[Batch, list[Job]]:
    """Both at once, in the store's thread. Raises BatchNotFound."""
    return store.batch(batch_id), store.batch_jobs(batch_id)


def check_finished(contents: Contents, noun: str) -> None:
    """Refuse to send an empty archive.

    Raises:
        BatchConflict: nothing is finished.
        FileGone: it was, and somebody removed the files.
    """
    if contents.clips:
        return
    if contents.view.counts.get(JobState.COMPLETED):
        raise FileGone("The files are no longer on disk.", hint=f"Make the {noun}s again.")
    raise BatchConflict(
        f"The batch is {contents.view.state}: no {noun} is finished.",
        hint=f"GET {contents.view.links.self} says how far it is, and why.",
    )


def manifest_of(contents: Contents, clips: Sequence[Clip]) -> ManifestView:
    """The manifest of a batch, with these of its files."""
    view, present = contents.view, {clip.index for clip in clips}
    missing = [
        MissingView.model_validate(member.model_dump(include=set(MissingView.model_fields)))
        for member in view.members
        if member.index not in present
    ]
    return ManifestView(
        batch_id=view.id,
        name=view.name,
        model=view.model,
        state=view.state,
        created_at=view.created_at,
        clips=[clip.view for clip in clips],
        missing=missing,
    )


def _contents(service: Service, batch: Batch, jobs: Sequence[Job]) -> Contents:
    glances = [Glance.model_validate(_glanced(batch, job)) for job in jobs]
    clips = _clips(service, batch, {job.id: job for job in jobs})
    return Contents(batch, batch_view(batch, glances, {}), tuple(clips))


def _glanced(batch: Batch, job: Job) -> dict[str, object]:
    shown = job.model_dump(include={"id", "state", "progress", "error"})
    return shown | {"batch": batch.id}


def _clips(service: Service, batch: Batch, jobs: dict[str, Job]) -> Iterator[Clip]:
    for index, member in enumerate(batch.members):
        job = jobs.get(member.job or "")
        if job is None or job.result is None:
            continue
        path = service.storage.path(job.result.folder, main_file(service.kind, job.result).name)
        if job.in_bucket or path.is_file():
            name = f"{index:03d}_{file_name(service.kind, job).real}"
            yield Clip(index, name, _clip_view(service.kind, job, index, name), path)


def _clip_view(kind: Kind, job: Job, index: int, name: str) -> ClipShown:
    """Whatever the kind's view names, of the job, its result and its request."""
    made = job.result.model_dump() if job.result else {}
    own = {"index": index, "file": name, "job_id": job.id, "model": job.model}
    about = job.resolved.model_dump() | made | own | {"resolved": job.resolved}
    return kind.clip_view.model_validate(about)


def archive_of(contents: Contents, opened: ExitStack) -> ZipStream:
    """The ZIP, not compressed as most files are already; made while it is read, its length known.

    Every file is open before the first byte is sent: one that is removed meanwhile is still whole.
    One that was removed before that is left out, and ``manifest.json`` says so.
    """
    archive, present = ZipStream(sized=True), list[Clip]()
    for clip in contents.clips:
        with suppress(FileNotFoundError):
            file = opened.enter_context(clip.path.open("rb"))
            size = os.fstat(file.fileno()).st_size
            archive.add(_chunks(file), clip.name, size=size)
            present.append(clip)
    archive.add(manifest_of(contents, present).model_dump_json(indent=2), MANIFEST_NAME)
    return archive


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
