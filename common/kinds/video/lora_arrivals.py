"""LoRAs that come to the folder and leave it: whole and looked at, or not at all."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from fastapi.concurrency import run_in_threadpool

from common.base.disk import disk_named
from common.base.durable import fsync
from common.base.errors import InvalidRequest, VideosDGXError
from common.base.logs import get_logger
from common.kinds.video.loras import ENDING, LOWER, LoraFolder
from common.runtime.safetensors_format import DamagedFile, read_header

log = get_logger("loras")

_DRAFT = ".partial"
_OLD_SECONDS = 24 * 3600
"""What a service that was killed left of an upload; none takes longer."""


class LoraExists(VideosDGXError):
    """One of that name is there."""

    code = "lora_exists"
    status = 409


class LoraNotFound(VideosDGXError):
    """None of that name is there."""

    code = "lora_not_found"
    status = 404


async def receive(loras: LoraFolder, name: str, chunks: AsyncIterator[bytes]) -> None:
    """Write ``chunks`` to the file of this name.

    Raises:
        LoraExists: it is there; jobs may count on it.
        InvalidRequest: it is no LoRA in safetensors.
        StorageFull, StorageUnavailable: the models volume.
    """
    with disk_named("models"):
        draft = await run_in_threadpool(_begin, loras, name)
        with draft:
            async for chunk in chunks:
                await run_in_threadpool(draft.write, chunk)
            await run_in_threadpool(_publish, draft, loras.path(name))
    log.info("LoRA received", extra={"lora": name})


def remove(loras: LoraFolder, name: str) -> None:
    """Take it away; jobs that read it now are not disturbed. Raises LoraNotFound."""
    with disk_named("models"):
        try:
            loras.path(name).unlink()
        except FileNotFoundError as exc:
            raise LoraNotFound(
                f"There is no LoRA {name!r}.", param="name", hint="GET /loras lists them."
            ) from exc
        fsync(loras.folder)
    log.info("LoRA removed", extra={"lora": name})


def _begin(loras: LoraFolder, name: str) -> IO[bytes]:
    if loras.path(name).exists():
        raise _there(name)
    loras.folder.mkdir(exist_ok=True)
    for file in loras.folder.glob(f".*{_DRAFT}"):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > _OLD_SECONDS:
                file.unlink()
    return NamedTemporaryFile(prefix=".", suffix=_DRAFT, dir=loras.folder)


def _publish(draft: IO[bytes], place: Path) -> None:
    """By a second link: unlike a rename it never replaces what came there meanwhile."""
    draft.flush()
    _check(draft.fileno())
    os.fsync(draft.fileno())
    try:
        os.link(draft.name, place)
    except FileExistsError as exc:
        raise _there(place.name.removesuffix(ENDING)) from exc
    fsync(place.parent)


def _check(descriptor: int) -> None:
    try:
        names = [entry.name for entry in read_header(descriptor)]
    except DamagedFile as exc:
        raise InvalidRequest(
            f"The file {exc}.", param="file", hint="Send a whole safetensors file, as it is."
        ) from exc
    if not any(LOWER.search(name) for name in names):
        raise InvalidRequest(
            "The file has no pair of low-rank matrices (lora_A or lora_down).",
            param="file",
            hint="Whole checkpoints belong into the models folder: scripts/download_models.sh.",
        )


def _there(name: str) -> LoraExists:
    return LoraExists(
        f"There is a LoRA {name!r} already.",
        param="name",
        hint=f"Choose another name, or DELETE /loras/{name} first.",
    )
