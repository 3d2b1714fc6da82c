"""The bucket of one service, as its API process has it: who uploads, and what is read of it."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from common.base.errors import EncodingFailed, FileGone
from common.base.settings import Settings
from common.contract import PublishedFile
from common.jobs.model import Job
from common.jobs.queue import JobQueue
from common.jobs.stored import Place
from common.publishing.bucket.borrowing import FOLDER, Lent, manifest_of
from common.publishing.bucket.inputs import write_object
from common.publishing.bucket.opening import Server, s3_server
from common.publishing.bucket.reading import NoSuchObject, Opened, opened_object
from common.publishing.bucket.sender import Sender
from common.publishing.bucket.signing import presigned
from common.publishing.bucket.uploader import Trouble, Uploader
from common.publishing.draft import MANIFEST, Draft
from common.publishing.storage import PARTIAL, Storage

BROUGHT_BACK_SECONDS = 3600.0
"""What another job needed stays on disk for so long, before it may go again."""


@dataclass(eq=False)
class Bucket(Collector):
    """Of one service."""

    model: str
    settings: Settings
    server: Server
    storage: Storage
    queue: JobQueue
    files: Sequence[PublishedFile]
    trouble: Trouble = field(default_factory=Trouble)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    def uploader(self) -> Uploader:
        """Who brings files there."""
        return Uploader(
            queue=self.queue,
            storage=self.storage,
            files=self.files,
            sender=Sender(self.server),
            bucket=self.settings.s3_bucket or "",
            trouble=self.trouble,
        )

    async def waiting(self) -> int:
        """How many jobs' files wait to be uploaded, or to be removed. Raises StoreUnavailable."""
        return await self.queue.read(self.queue.store.count_uploads)

    def read(
        self, job: Job, file: str, asked: dict[str, str] | None = None
    ) -> AbstractAsyncContextManager[Opened]:
        """One of a job's files, as ``opened_object`` has it."""
        return opened_object(self.server, *_object_of(job, file), asked)

    def address(self, job: Job, file: str, said: dict[str, str]) -> str:
        """Where a client may fetch a file by itself, for a while. Blocks. Raises SettingsError."""
        bucket, key = _object_of(job, file)
        seconds = self.settings.s3_presigned_seconds
        return presigned(self.server, bucket, key, seconds=seconds, said=said, public=True)

    async def bring_back(self, job: Job) -> None:
        """See that a job's files are on disk: all of them, or none.

        Raises:
            FileGone: the bucket does not have them any more.
            BucketUnavailable: it does not answer.
            StorageFull, StorageUnavailable: the disk takes them not.
        """
        assert job.result is not None  # noqa: S101  # what a bucket has was completed
        async with self._one:
            if await asyncio.to_thread(self.storage.is_published, job.result.folder):
                return
            token = job.result.folder.partition("-")[2]
            draft = await asyncio.to_thread(self.storage.begin, job.id, token)
            try:
                await self._fetch(job, draft)
            except (NoSuchObject, EncodingFailed) as exc:
                raise FileGone("The bucket does not have the file any more.") from exc
            finally:
                await asyncio.to_thread(draft.discard)
            store = self.queue.store
            if not await self.queue.call(store.brought_back, job.id, BROUGHT_BACK_SECONDS):
                await asyncio.to_thread(self.storage.withdraw, job.id, token)

    async def hold(self, path: Path) -> Path | None:
        """A job's file where it stays for one request, whatever is uploaded meanwhile.

        None where it has left the disk just now. Raises as ``Lent.held``.
        """
        return path if self.settings.s3_keep_local else await self._lent().held(path)

    async def elsewhere(
        self, job_id: str, file_of: Callable[[Mapping[str, Any]], str | None]
    ) -> tuple[Path, Mapping[str, Any]] | None:
        """A file and the manifest of another service's finished job.

        ``file_of`` names the file of a manifest; None: that job is not the caller's. None where
        there is no such job. Raises as ``Lent.fetched``.
        """
        place = Place(self.settings.s3_bucket or "", self.settings.s3_prefix)
        for model in await asyncio.to_thread(_services_in, self.settings.outputs_dir):
            manifest = await manifest_of(self.server, place, model, job_id)
            file = None if manifest is None else file_of(manifest)
            if manifest is None or file is None:
                continue
            path = await self._lent().fetched(self.server, place, model, job_id, file)
            return None if path is None else (path, manifest)
        return None

    def _lent(self) -> Lent:
        return Lent(self.storage.partial.with_name(FOLDER))

    async def _fetch(self, job: Job, draft: Draft) -> None:
        for name in self._names(job):
            async with self.read(job, name) as opened:
                await write_object(opened, draft.folder / name)
        await asyncio.to_thread(draft.publish_again)

    def _names(self, job: Job) -> Iterator[str]:
        """What was uploaded of a job; other files are made when they are asked for."""
        made = (file for file in self.files if file.route is not None and file.made(job.result))
        yield from dict.fromkeys(file.name for file in made)  # one may have two routes
        yield MANIFEST

    def collect(self) -> Iterable[Metric]:
        """How errands went since the start."""
        figures = {
            "uploads": ("Jobs whose files a bucket has got, or let go of.", self.trouble.done),
            "upload_failures": ("Tries of that which failed.", self.trouble.failed),
        }
        for name, (text, value) in figures.items():
            family = CounterMetricFamily(f"videosdgx_{name}", text, labels=["model"])
            family.add_metric([self.model], value)
            yield family


def open_bucket(
    model: str,
    settings: Settings,
    storage: Storage,
    queue: JobQueue,
    files: Sequence[PublishedFile],
) -> Bucket | None:
    """The bucket that the settings name. Raises SettingsError."""
    server = s3_server(settings)
    if server is None or settings.s3_bucket is None:
        return None
    return Bucket(model, settings, server, storage, queue, files)


def _services_in(outputs: Path) -> list[str]:
    return [folder.name for folder in outputs.iterdir() if (folder / PARTIAL).is_dir()]


def _object_of(job: Job, file: str) -> tuple[str, str]:
    assert job.stored is not None  # noqa: S101  # as callers see to
    return job.stored.bucket, job.stored.key_of(file)
