"""Uploads to a bucket, while the service runs and where it has one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.api.service import Service


@asynccontextmanager
async def storing(service: Service) -> AsyncIterator[None]:
    """Bring files of finished jobs there inside the block; those of an earlier run too."""
    if service.bucket is None:
        yield
        return
    uploader = service.bucket.uploader()
    uploading = asyncio.create_task(service.keeper.keep("uploads", uploader.run))
    try:
        yield
    finally:
        uploading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await uploading
