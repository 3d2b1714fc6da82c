"""A store, an outputs folder, an uploader and a bucket; the time is in the test's hands."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from common.base.settings import Settings
from common.jobs.database import sqlite_url
from common.jobs.model import Job
from common.jobs.queue import JobQueue
from common.jobs.sql import SqlJobStore
from common.jobs.states import Event
from common.jobs.stored import Place
from common.kinds.video import VIDEO_KIND
from common.kinds.video.kind import VideoKind
from common.kinds.video.resolved import ResolvedRequest
from common.publishing.bucket.bucket import Bucket, open_bucket
from common.publishing.bucket.uploader import Uploader
from common.publishing.storage import Storage
from tests.buckets import BUCKET, KEYS, S3, Front, front_of, s3_server
from tests.contract.conftest import Clock
from tests.contract.test_store import RESOLVED, RESULT, claimed, new_job, submit


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def front(s3: S3) -> Iterator[Front]:
    with front_of(s3) as opened:
        yield opened


class Naming(ResolvedRequest):
    """Of a kind whose requests may name what is made."""

    name: str | None = None

    @property
    def output_name(self) -> str | None:
        return self.name


class NamingKind(VideoKind):
    """Likewise."""

    resolved = Naming


@dataclass
class Yard:
    """One service's parts that a bucket has to do with."""

    store: SqlJobStore
    storage: Storage
    bucket: Bucket
    uploader: Uploader
    clock: Clock

    def job(
        self, size: int = 1000, name: str | None = None, owner: str = "", *, adopted: bool = False
    ) -> Job:
        """A completed one, whose video is random.

        ``name``: what its request called that; ``adopted``: an earlier attempt has published it.
        """
        resolved = Naming(**RESOLVED.model_dump(), name=name)
        submit(self.store, job=new_job(owner=owner).model_copy(update={"resolved": resolved}))
        job_id, token = claimed(self.store)
        draft = self.storage.begin(job_id, "0" * 32 if adopted else token)
        (draft.folder / "video.mp4").write_bytes(os.urandom(size))
        (draft.folder / "thumbnail.jpg").write_bytes(b"a picture")
        draft.publish({"result": {}})
        folder, _ = self.storage.adopt(job_id, token) or ("", {})
        self.store.advance(job_id, token, Event.RUN)
        result = RESULT.model_copy(update={"folder": folder, "size_bytes": size})
        assert self.store.complete(job_id, token, result)
        return self.store.get(job_id)

    def video(self, job: Job) -> Path:
        assert job.result is not None
        return self.storage.path(job.result.folder, "video.mp4")

    def key(self, job: Job, name: str = "video.mp4") -> str:
        assert job.stored is not None
        return job.stored.key_of(name) if name else job.stored.folder

    async def after(self, seconds: float = 0) -> None:
        """Let time pass, and try once what is due then."""
        self.clock.now += seconds
        await self.uploader.once()


Play = Callable[[Yard], Coroutine[Any, Any, None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """Lets a story happen, on a server."""

    def run(story: Play, server: S3 | Front, **fields: object) -> None:
        asyncio.run(_told(story, tmp_path, server.url, fields))

    return run


async def _told(story: Play, folder: Path, url: str, fields: dict[str, object]) -> None:
    wishes: dict[str, object] = {
        "s3_bucket": BUCKET,
        "s3_prefix": f"{folder.name}/",
        "s3_endpoint_url": url,
        "s3_keys": SecretStr(KEYS),
        "outputs_dir": folder / "outputs",
        "s3_part_mb": 5,
        "s3_timeout_seconds": 10,
    }
    settings = Settings(_env_file=None, **(wishes | fields))  # type: ignore[arg-type]
    clock = Clock()
    place = Place(BUCKET, settings.s3_prefix, settings.s3_keep_local)
    address = sqlite_url(folder / "jobs.db")
    store = SqlJobStore(address, "toy", NamingKind(), clock, place=place)
    queue = JobQueue(store, 100)
    storage = Storage(settings.outputs_of("toy"), VIDEO_KIND.files)
    bucket = open_bucket("toy", settings, storage, queue, VIDEO_KIND.files)
    assert bucket is not None
    uploader = bucket.uploader()
    uploader.chance = lambda: 0.0
    try:
        await story(Yard(store, storage, bucket, uploader, clock))
    finally:
        await uploader.sender.close()
        queue.close()
