"""uvicorn with our connections: how it is told to stop, and when it looks after them."""

import logging
import os
import socket
import time
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from common.api.door.connections import Hall, protocol_of
from common.api.door.process import connections_within, prepare, raise_limit
from common.api.live.following import Following
from common.base.bounded_child import CHILDREN
from common.base.logs import get_logger
from common.base.settings import Settings

log = get_logger("api")

CONNECTIONS_GRACE_SECONDS = 5
"""Open downloads get this long at shutdown; the job's own grace, DRAIN_SECONDS, comes after."""

ACCEPTS_AT_ONCE = 50
"""In one step of the event loop, at some 75 us each: two thousand would hold up everybody."""
QUEUED_CONNECTIONS = 2048
"""What the kernel keeps for us meanwhile."""

SAME_SIGNAL_SECONDS = 0.5
"""``timeout`` and some shells send one stop to the process and to its group: that is told once."""


def open_server(app: FastAPI, settings: Settings, port: int) -> "Server":
    """A server that listens when it is run."""
    prepare()
    hall = _open_hall(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        http=protocol_of(hall),
        ws="none",
        backlog=ACCEPTS_AT_ONCE,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=CONNECTIONS_GRACE_SECONDS,
    )
    return Server(config, app, hall)


def _open_hall(settings: Settings) -> Hall:
    """For as many connections as there are descriptors for."""
    most = connections_within(raise_limit(), settings.max_connections)
    if most < settings.max_connections:
        log.warning("few open files are allowed (ulimit -n)", extra={"connections": most})
    return Hall(most, settings.client_seconds)


class Server(uvicorn.Server):
    """Ends event streams and looks at files when it is told to stop.

    The server waits for open connections first.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, hall: Hall) -> None:
        super().__init__(config)
        self._app = app
        self._hall = hall
        self._told_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Once: an orderly end. Again: at once; the worker sees that, and gives its job back."""
        now = time.monotonic()
        if self._told_at is not None and now - self._told_at > SAME_SIGNAL_SECONDS:
            log.warning("told to stop again: ending at once")
            logging.shutdown()
            os._exit(128 + sig)
        if self._told_at is None:
            self._told_at = now
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Asyncio accepts as many at a time as its queue is long; the kernel's is made longer."""
        await super().startup(sockets)
        for server in self.servers if self.started else ():
            for listening in server.sockets:
                with socket.socket(fileno=os.dup(listening.fileno())) as same:
                    same.listen(QUEUED_CONNECTIONS)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; answers whether to stop."""
        if counter % 10 == 0:
            self._hall.reap()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for name in ("feeds", "batch_feeds", "pipeline_feeds"):
            feeds: Following[Any, Any] | None = getattr(self._app.state, name, None)
            if feeds is not None:
                feeds.close()
        CHILDREN.end_all()
        await super().shutdown(sockets)
