"""Finished jobs of other services that are in the bucket alone: read from there, for one request.

Their rows are in another database, and their folder is another service's to write. Their manifest
says whose they are, and what was made.
"""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

from common.jobs.stored import Place
from common.publishing.bucket.inputs import write_object
from common.publishing.bucket.opening import Server
from common.publishing.bucket.reading import NoSuchObject, opened_object
from common.publishing.draft import MANIFEST, delete

MAX_MANIFEST_BYTES = 1024 * 1024
BORROWED_SECONDS = 600.0
"""A request has long stored what it needs of it by then. The next start clears it as well."""


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


async def borrowed(
    server: Server, place: Place, model: str, job_id: str, file: str, unfinished: Path
) -> Path | None:
    """One of its files, on disk for ``BORROWED_SECONDS``; None where there is none.

    ``unfinished`` is the folder where a start clears what belongs to no job.

    Raises:
        BucketUnavailable, StorageFull, StorageUnavailable.
    """
    folder, loop = unfinished / f"{job_id}-{token_hex(16)}", asyncio.get_running_loop()
    key = _key(place, model, job_id, file)
    try:
        async with opened_object(server, place.bucket, key) as opened:
            await asyncio.to_thread(folder.mkdir)
            await write_object(opened, folder / file)
    except NoSuchObject:
        return None
    except BaseException:
        await asyncio.to_thread(delete, folder)
        raise
    loop.call_later(BORROWED_SECONDS, loop.run_in_executor, None, delete, folder)
    return folder / file


def _key(place: Place, model: str, job_id: str, file: str = MANIFEST) -> str:
    return place.pending(model, job_id).folder + file
