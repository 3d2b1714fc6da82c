"""Files of finished jobs that one request needs, for as long as it takes.

Those of another service may be in the bucket alone: its rows are in another database, and its
folder is its own to write; the manifest says whose they are, and what was made. Those of this one
may leave the disk as soon as the bucket has them.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from common.base.disk import disk_error, disk_named
from common.jobs.stored import Place
from common.publishing.bucket.inputs import write_object
from common.publishing.bucket.opening import Server
from common.publishing.bucket.reading import NoSuchObject, opened_object
from common.publishing.draft import MANIFEST, delete
from common.publishing.twins import double

MAX_MANIFEST_BYTES = 1024 * 1024
BORROWED_SECONDS = 600.0
"""A request has long stored what it needs of it by then."""
FOLDER = ".lent"
"""Below the outputs of a service."""


async def manifest_of(
    server: Server, place: Place, model: str, job_id: str
) -> Mapping[str, Any] | None:
    """What a finished job says of itself; None where there is none, or none that can be read.

    Raises BucketUnavailable.
    """
    text = bytearray()
    try:
        async with opened_object(server, place.bucket, _key(place, model, job_id)) as opened:
            async for chunk in opened.chunks:
                text += chunk
                if len(text) > MAX_MANIFEST_BYTES:
                    return None
        found = json.loads(text)
    except (NoSuchObject, ValueError):
        return None
    return found if isinstance(found, dict) else None


@dataclass(frozen=True)
class Lent:
    """Files for single requests, below a service's outputs, each for ``BORROWED_SECONDS``."""

    root: Path

    async def fetched(
        self, server: Server, place: Place, model: str, job_id: str, file: str
    ) -> Path | None:
        """A file of another service's job; None where there is none.

        Raises:
            BucketUnavailable, StorageFull, StorageUnavailable.
        """
        key = _key(place, model, job_id, file)
        try:
            async with opened_object(server, place.bucket, key) as opened, self._folder() as folder:
                await write_object(opened, folder / file)
        except NoSuchObject:
            return None
        return folder / file

    async def held(self, path: Path) -> Path | None:
        """A published file under another name, with those beside it: it may leave its own place.

        None where it has left that. Raises StorageFull, StorageUnavailable.
        """
        try:
            async with self._folder() as folder:
                await asyncio.to_thread(_double_all, path, folder)
        except FileNotFoundError:
            return None
        return folder / path.name

    @asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        """A new one; what fails in it leaves none."""
        folder, loop = self.root / token_hex(16), asyncio.get_running_loop()
        await asyncio.to_thread(self._begin, folder)
        try:
            yield folder
        except BaseException:
            await asyncio.to_thread(delete, folder)
            raise
        loop.call_later(BORROWED_SECONDS, loop.run_in_executor, None, delete, folder)

    def _begin(self, folder: Path) -> None:
        with disk_named():
            folder.mkdir(parents=True)
        self.clear()

    def clear(self) -> None:
        """Remove what an earlier process has left."""
        latest = time.time() - BORROWED_SECONDS
        with suppress(FileNotFoundError):  # others clear too
            for folder in self.root.iterdir():
                if folder.stat().st_mtime < latest:
                    delete(folder)


def _double_all(path: Path, folder: Path) -> None:
    for file in dict.fromkeys((path, *path.parent.iterdir())):
        try:
            double(file, folder / file.name)
        except FileNotFoundError:
            raise
        except OSError as exc:
            raise disk_error(exc) or exc from exc


def _key(place: Place, model: str, job_id: str, file: str = MANIFEST) -> str:
    return place.pending(model, job_id).folder + file
