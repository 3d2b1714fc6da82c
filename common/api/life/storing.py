"""Uploads to a bucket, while the service runs and where it has one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.api.life.beside import beside
from common.api.service import Service


@asynccontextmanager
async def storing(service: Service) -> AsyncIterator[None]:
    """Bring files of finished jobs there inside the block; those of an earlier run too."""
    if service.bucket is None:
        yield
        return
    async with beside(service, uploads=service.bucket.uploader().run):
        yield
