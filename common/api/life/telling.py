"""Webhooks, while the service runs and where it may call anybody."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.api.life.beside import beside
from common.api.service import Service
from common.jobs.webhooks.courier import Courier
from common.jobs.webhooks.post import Postman
from common.jobs.webhooks.signing import open_signer


@asynccontextmanager
async def telling(service: Service) -> AsyncIterator[None]:
    """Deliver webhooks inside the block; those of an earlier run too."""
    signer = open_signer(service.settings)
    if signer is None:
        yield
        return
    postman = Postman(service.settings, signer, time.time)
    courier = Courier(service.queue, postman.post, service.settings)
    async with beside(service, webhooks=courier.run):
        yield
