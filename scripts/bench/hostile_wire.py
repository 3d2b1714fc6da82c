"""Connections of strangers and guests: from an address of their own, and whatever comes of them."""

import asyncio
import contextlib
import os
import resource
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.service_process import HOST

NICENESS = 10
"""Strangers have machines of their own; here they must not take the service's processor."""
PIECE_BYTES = 256 * 1024
CLOSED, SILENT, UNREACHED = "closed", "silent", "no connection"
"""In place of a status: no answer came, not in time, or nobody was there."""


@dataclass(frozen=True)
class Outcome:
    """What came of one request."""

    name: str
    status: str
    seconds: float
    moment: float = 0.0
    """When it was begun, on ``time.monotonic``, which all processes share."""


def be_a_stranger() -> None:
    """Give way to everybody else, and have as many sockets as the machine allows."""
    os.nice(NICENESS)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def connect(
    port: int, address: str, receive_bytes: int = 0
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection from ``address``; raises OSError. A small window is soon full."""
    opened = socket.socket()
    try:
        if receive_bytes:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        opened.setblocking(False)
        opened.bind((address, 0))
        await asyncio.get_running_loop().sock_connect(opened, (HOST, port))
        limit = receive_bytes or PIECE_BYTES
        return await asyncio.open_connection(sock=opened, limit=limit)
    except BaseException:
        opened.close()
        raise


async def exchange(
    port: int, address: str, name: str, parts: Sequence[bytes], patience: float
) -> Outcome:
    """Send this on a new connection, and read until the server closes or the answer is whole."""
    began = time.monotonic()
    status = SILENT
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            status = await _status(port, address, parts)
    return Outcome(name, status, time.monotonic() - began, began)


async def _status(port: int, address: str, parts: Sequence[bytes]) -> str:
    try:
        reader, writer = await connect(port, address)
    except OSError:
        return UNREACHED
    sending = asyncio.create_task(send(writer, parts))
    try:
        return await _read_answer(reader)
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return CLOSED
    finally:
        sending.cancel()
        writer.transport.abort()


async def send(writer: asyncio.StreamWriter, parts: Sequence[bytes]) -> None:
    """As fast as the other side takes it; silently gives up where it has hung up."""
    with contextlib.suppress(OSError):
        for part in parts:
            for start in range(0, len(part), PIECE_BYTES):
                writer.write(memoryview(part)[start : start + PIECE_BYTES])
                await writer.drain()


async def _read_answer(reader: asyncio.StreamReader) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(_length(head))
    return head[9:12].decode()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
