"""Brings the files of finished jobs into the bucket: a task of the API process.

A job is done when its row says so; whether a bucket can be reached is no matter of its. What the
outbox owes is taken, tried and tried again, without end: nothing is lost but by somebody's hand.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from common.base.errors import VideosDGXError
from common.base.logs import get_logger
from common.contract import PublishedFile
from common.jobs.queue import JobQueue
from common.jobs.stored import LEASE_SECONDS, Act, Errand
from common.publishing.bucket.names import object_name
from common.publishing.bucket.sender import Sender
from common.publishing.bucket.tasks import (
    Claim,
    Done,
    Failed,
    LocalFile,
    Look,
    Missing,
    Outcome,
    Remove,
    Seek,
    Store,
    Task,
)
from common.publishing.draft import MANIFEST
from common.publishing.storage import Storage

log = get_logger("bucket")

POLL_SECONDS = 1.0
"""Between looks at the outbox: one indexed read."""
LOOKS_BETWEEN_HASTES = 60
"""After so many, what a clock put back has moved far ahead is made due."""
IDLE_LOOKS = 30
"""After so many without anything to do the process that uploads ends."""
RENEW_SECONDS = 3.0
WAIT_SECONDS = 2.0
"""Before the second try; doubled before each later one."""
LONGEST_WAIT_SECONDS = 60.0
LONGEST_WAIT_OF_ONE_SECONDS = 3600.0
"""Where only this one errand is in trouble."""
JITTER = 0.1


@dataclass
class Trouble:
    """What the bucket's side of a service has to say for itself."""

    words: str | None = None
    """Why an errand failed, the last that did."""
    down: bool = False
    """Whether that was the bucket's fault, and none was done since."""
    in_a_row: int = 0
    """Such failures."""
    done: int = 0
    failed: int = 0
    """Since the start."""

    def note(self, outcome: Outcome) -> None:
        """Take in how an errand went."""
        if isinstance(outcome, Failed):
            self.failed += 1
            self.failed_now(outcome)
        else:
            self.done += 1
            self.down, self.in_a_row = False, 0

    def failed_now(self, outcome: Failed) -> None:
        """Take in why."""
        self.words, self.down = outcome.words, outcome.of_bucket
        self.in_a_row = self.in_a_row + 1 if outcome.of_bucket else 0


@dataclass(eq=False)
class Uploader:
    """Claims what is owed, has it done, and records what came of it. One errand at a time."""

    queue: JobQueue
    storage: Storage
    files: Sequence[PublishedFile]
    sender: Sender
    bucket: str
    trouble: Trouble = field(default_factory=Trouble)
    chance: Callable[[], float] = random.random
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self) -> None:
        """Work until cancelled; what is under way then is done after the next start."""
        idle = 0
        try:
            await self._look()
            for looks in itertools.count():
                if looks % LOOKS_BETWEEN_HASTES == 0:
                    await self._guarded(self.queue.call(self.queue.store.hasten_uploads))
                idle = 0 if await self._guarded(self.once()) else idle + 1
                if idle == IDLE_LOOKS:
                    await self.sender.close()
                await self.pause(self._wait_of_all() if idle == 0 else POLL_SECONDS)
        finally:
            await self.sender.close()

    async def once(self) -> bool:
        """Do what is due first; answers whether there was anything.

        Raises StoreUnavailable: then the lease runs out, and it is done anew.
        """
        store = self.queue.store
        errand = await self.queue.call(store.claim_upload, LEASE_SECONDS)
        if errand is None:
            return False
        task = await asyncio.to_thread(self._task, errand)
        doing = asyncio.create_task(self.sender.do(task))
        try:
            outcome = await self._held(errand, doing)
        finally:
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
        if outcome is not None:
            self.trouble.note(outcome)
            await self._settle(errand, outcome)
        return True

    async def _settle(self, errand: Errand, outcome: Outcome) -> None:
        store, about = self.queue.store, {"job_id": errand.job}
        if isinstance(outcome, Failed):
            await self.queue.call(store.postpone_upload, errand, self._wait_of(errand, outcome))
            _tell(errand, outcome)
        elif isinstance(outcome, Missing):
            log.error("files went before they were uploaded", extra=about)
            await self.queue.call(store.give_up_upload, errand)
        elif errand.act is Act.REMOVE:
            await self.queue.call(store.objects_removed, errand)
        else:
            refused = isinstance(outcome, Done) and outcome.refused
            told = {"name_taken": str(errand.key)} if refused else {}
            log.info("files uploaded", extra={**about, **told})
            done = partial(store.uploaded, refused=refused)
            if await self.queue.call(done, errand):
                await asyncio.to_thread(self._take_away, errand)

    def _task(self, errand: Errand) -> Task:
        """Where files are no longer on disk, they may all be there: in a database put back."""
        if errand.act is Act.REMOVE:
            return Remove(bucket=errand.bucket, folder=errand.folder, claim=_claim(errand))
        if files := self._files(errand):
            return Store(bucket=errand.bucket, files=files)
        key = object_name(errand.folder, "", MANIFEST)
        return Seek(bucket=errand.bucket, key=key, claim=_claim(errand))

    async def _held(self, errand: Errand, doing: asyncio.Task[Outcome]) -> Outcome | None:
        """Wait for it, and keep others from it; None as soon as it is another errand."""
        while not (await asyncio.wait([doing], timeout=RENEW_SECONDS))[0]:
            renew = self.queue.store.renew_upload
            if not await self.queue.call(renew, errand, LEASE_SECONDS):
                return None
        return doing.result()

    def _files(self, errand: Errand) -> tuple[LocalFile, ...]:
        """All of a job's files, the manifest last: where that is, all of them are."""
        folder = self.storage.folder(errand.local)
        if folder is None or not (folder / MANIFEST).is_file():
            return ()
        media_types = {file.name: file.media_type for file in self.files if file.route is not None}
        media_types[MANIFEST] = "application/json"
        return tuple(
            LocalFile(
                path=(folder / name).absolute(),
                key=object_name(errand.folder, "", name),
                media_type=media_type,
                claim=_claim(errand) if name == errand.file else None,
            )
            for name, media_type in media_types.items()
            if (folder / name).is_file()
        )

    def _take_away(self, errand: Errand) -> None:
        try:
            self.storage.take_away(errand.local)
        except (OSError, ValueError) as exc:  # the next start finds it
            log.warning("files stay for now", extra={"job_id": errand.job, "reason": str(exc)})

    async def _look(self) -> None:
        """Say at the start whether the bucket is there; it is no condition of anything."""
        outcome = await self.sender.do(Look(bucket=self.bucket))
        if isinstance(outcome, Failed):
            self.trouble.failed_now(outcome)
            log.warning(
                "bucket %s: %s Jobs are made all the same, and their files wait.",
                self.bucket,
                outcome.words,
            )
        else:
            log.info("bucket %s can be reached", self.bucket)

    async def _guarded(self, work: Awaitable[int]) -> bool:
        """Nothing that goes wrong here ends the task: the lease runs out, and it is done anew."""
        try:
            return bool(await work)
        except VideosDGXError as exc:  # the database; it may answer again
            log.warning("uploads wait", extra={"reason": exc.body.message})
        except Exception:
            log.exception("an upload went wrong")
        return False

    def _wait_of(self, errand: Errand, outcome: Failed) -> float:
        longest = LONGEST_WAIT_SECONDS if outcome.of_bucket else LONGEST_WAIT_OF_ONE_SECONDS
        wait = min(WAIT_SECONDS * 2.0 ** min(errand.attempts, 20), longest)
        return wait * (1 + JITTER * self.chance())

    def _wait_of_all(self) -> float:
        """After failures in a row nobody is tried for a while: it is the bucket."""
        failures = min(self.trouble.in_a_row, 10)
        return min(WAIT_SECONDS * 2.0 ** (failures - 1), LONGEST_WAIT_SECONDS) if failures else 0.0


def _claim(errand: Errand) -> Claim | None:
    return None if errand.key is None else Claim(key=errand.key, job=errand.job)


def _tell(errand: Errand, outcome: Failed) -> None:
    about = {"job_id": errand.job, "reason": outcome.words, "attempts": errand.attempts + 1}
    if outcome.detail is not None:
        about["detail"] = outcome.detail
    log.warning("an upload failed, and is tried again", extra=about)
