"""Files that a request names in a bucket, ``s3://bucket/name``: fetched whole, or not at all."""

import asyncio
import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from common.base.disk import disk_named
from common.base.errors import InvalidRequest
from common.base.settings.s3 import S3Settings
from common.publishing.arrivals import remove_all
from common.publishing.bucket.opening import Server
from common.publishing.bucket.reading import NoSuchObject, Opened, opened_object

_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.{1,1024})", re.DOTALL)


class S3Address(NamedTuple):
    """An object in a bucket."""

    bucket: str
    key: str


def input_buckets(settings: S3Settings) -> frozenset[str]:
    """The buckets that requests may name files in."""
    names = map(str.strip, settings.s3_input_buckets.split(","))
    return frozenset(filter(None, names))


def s3_address(text: str, allowed: Collection[str]) -> S3Address:
    """Read ``s3://bucket/name``.

    Args:
        text: as a request has it.
        allowed: the buckets that requests may name.

    Raises:
        InvalidRequest: it is no such address, or of another bucket; without a field's name.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise InvalidRequest("It is no address of an object.", hint="Write s3://bucket/name.")
    found = S3Address(*match.groups())
    if found.bucket not in allowed:
        raise InvalidRequest(
            f"This service reads nothing from bucket {found.bucket}.",
            hint="S3_INPUT_BUCKETS names those that it reads from.",
        )
    return found


async def fetch_s3_input(server: Server, address: S3Address, target: Path, max_bytes: int) -> int:
    """Write an object into the new file ``target``; answers its size in bytes.

    What fails leaves no file. An object that grows while it is read is bounded too.

    Raises:
        InvalidRequest: there is no such object, or it is larger than ``max_bytes``; without a
            field's name.
        BucketUnavailable: the bucket does not answer.
        StorageFull, StorageUnavailable: see ``disk_named``.
    """
    try:
        async with opened_object(server, *address) as opened:
            if int(opened.headers.get("content-length", 0)) > max_bytes:
                raise _too_large(max_bytes)
            return await write_object(opened, target, max_bytes, "uploads")
    except NoSuchObject as exc:
        raise InvalidRequest(
            f"Bucket {address.bucket} has no such object.",
            hint="Look at its name again: large and small letters count.",
        ) from exc
    except TooLarge as exc:
        raise _too_large(max_bytes) from exc


class TooLarge(Exception):
    """It goes on longer than it may."""


async def write_object(
    opened: Opened, target: Path, max_bytes: int | None = None, volume: str = "outputs"
) -> int:
    """Write what is read of an object; answers how much. What fails leaves no file."""
    size = 0
    try:
        with disk_named(volume), target.open("xb") as file:
            async for chunk in opened.chunks:
                size += len(chunk)
                if max_bytes is not None and size > max_bytes:
                    raise TooLarge
                await asyncio.to_thread(file.write, chunk)
    except FileExistsError:
        raise
    except BaseException:
        remove_all([target])
        raise
    return size


def _too_large(max_bytes: int) -> InvalidRequest:
    return InvalidRequest(
        f"The object is larger than {max_bytes / 1024**2:g} MiB.", hint="Name a smaller one."
    )
