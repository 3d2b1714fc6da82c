"""Strangers who do next to nothing, each on a connection that they keep as long as they can.

``python -m scripts.bench.hostile_crowd PORT CROWD ADDRESS...`` with the crowd as JSON: how many of
each kind, and the paths that are downloaded. Says ``ready``, begins at a line of input, ends when
it closes, then prints how many connections were made, and how many the service has ended.
"""

import asyncio
import contextlib
import json
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle

from scripts.bench.hostile_wire import PIECE_BYTES, be_a_stranger, connect
from scripts.service_process import HOST

CONNECTS_AT_ONCE = 50
DRIP_SECONDS = 3.0
"""Between two bytes of who is slow."""
RETURN_SECONDS = 5.0
"""Whoever was thrown out comes again."""
SMALL_WINDOW = 4096
STALLED_BYTES, STALLED_SENT = 60_000_000, 55_000_000


@dataclass(frozen=True)
class Crowd:
    """How many of each kind."""

    idle: int
    slow_heads: int
    slow_bodies: int
    stalled_bodies: int
    """Most of 60 MB, and then nothing."""
    readers: int
    """Of each path in ``downloads``; they ask, and never read."""
    downloads: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stranger:
    """Sends ``start`` and ``size`` bytes more, then a byte now and then where it ``drips``."""

    kind: str
    start: bytes = b""
    size: int = 0
    drips: bool = False
    window: int = 0


def strangers(crowd: Crowd) -> Iterator[Stranger]:
    """All of them."""
    head = b"GET /health HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\nX-Slow: "
    yield from [Stranger("idle sockets")] * crowd.idle
    yield from [Stranger("slow headers", head, drips=True)] * crowd.slow_heads
    routes = cycle(_slow_routes())
    for _ in range(crowd.slow_bodies):
        yield Stranger("slow bodies", next(routes), 500, drips=True)
    stalled = _post("/auth/session", "application/json", STALLED_BYTES)
    yield from [Stranger("stalled bodies", stalled, STALLED_SENT)] * crowd.stalled_bodies
    for path in crowd.downloads:
        asked = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
        kind = "unread " + path.rpartition("/")[2]
        yield from [Stranger(kind, asked, window=SMALL_WINDOW)] * crowd.readers


def _slow_routes() -> Iterator[bytes]:
    form = "multipart/form-data; boundary=hostile"
    for path in ("/generate", "/generate/batch", "/v1/videos"):
        yield _post(path, "application/json", 10_000)
        yield _post(path, form, STALLED_BYTES)
    yield _post("/auth/session", "application/json", 10_000)


def _post(path: str, kind: str, length: int) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode()


async def _stay(
    port: int, address: str, who: Stranger, turn: asyncio.Semaphore, counts: Counter[str]
) -> None:
    """Come, stay until the service ends it, and come again."""
    for visit in count():
        if visit:
            counts[f"{who.kind}, ended"] += 1
            await asyncio.sleep(RETURN_SECONDS)
        with contextlib.suppress(OSError):
            async with turn:
                reader, writer = await connect(port, address, who.window)
            counts[f"{who.kind}, connections"] += 1
            try:
                await _be_slow(reader, writer, who)
            finally:
                writer.transport.abort()


async def _be_slow(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: Stranger
) -> None:
    """Until the service has had enough."""
    writer.write(who.start)
    piece = bytes(PIECE_BYTES)
    for sent in range(0, who.size, PIECE_BYTES):
        writer.write(piece[: who.size - sent])
        await writer.drain()
    if who.window:  # its reader is full after two windows, and asks for no more
        await _reset(writer)
        return
    dripping = asyncio.create_task(_drip(writer)) if who.drips else None
    try:
        await reader.read()
    finally:
        if dripping is not None:
            dripping.cancel()


async def _drip(writer: asyncio.StreamWriter) -> None:
    while True:
        await asyncio.sleep(DRIP_SECONDS)
        writer.write(b"a")


async def _reset(writer: asyncio.StreamWriter) -> None:
    own: socket.socket = writer.get_extra_info("socket")
    while not own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):  # noqa: ASYNC110  # no event
        await asyncio.sleep(DRIP_SECONDS)


async def _main(port: int, crowd: Crowd, addresses: list[str]) -> None:
    be_a_stranger()
    counts, turn = Counter[str](), asyncio.Semaphore(CONNECTS_AT_ONCE)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    staying = [
        asyncio.create_task(_stay(port, addresses[place % len(addresses)], who, turn, counts))
        for place, who in enumerate(strangers(crowd))
    ]
    await asyncio.to_thread(sys.stdin.read)
    for task in staying:
        task.cancel()
    await asyncio.gather(*staying, return_exceptions=True)
    print(json.dumps(counts))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), Crowd(**json.loads(sys.argv[2])), sys.argv[3:]))
