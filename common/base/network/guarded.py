"""A network in which every address is checked at the moment of connecting to it.

The name is resolved here, and what is connected to is the address that was checked. So a name
server that answers differently the second time (DNS rebinding) gains nothing: it is asked once.
"""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Future

import httpcore
from httpcore import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream
from pydantic import HttpUrl

from common.base.network.urls import host_of

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
MAX_ADDRESSES = 4
"""Addresses of one name that are tried."""


class ForbiddenAddress(Exception):
    """A name leads to an address that may not be called."""


class GuardedNetwork(AsyncNetworkBackend):
    """Connects to allowed addresses only. TLS and Host still go by the name."""

    def __init__(self, resolve: Resolve, allowed: Callable[[str], bool]) -> None:
        self._resolve = resolve
        self._allowed = allowed
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Connect to the first address that answers.

        Raises:
            ForbiddenAddress: one of the addresses is not allowed; then none is tried.
            httpcore.ConnectError: there is no such name, or none of them answers.
        """
        try:
            addresses = await self._resolve(host, port)
        except OSError as exc:
            raise httpcore.ConnectError("the name is unknown") from exc
        if not all(map(self._allowed, addresses)):
            raise ForbiddenAddress(host)
        for address in addresses[:MAX_ADDRESSES]:
            try:
                return await self._plain.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise httpcore.ConnectError("none of its addresses answers")

    async def connect_unix_socket(self, *_args: object, **_kwargs: object) -> AsyncNetworkStream:
        raise ForbiddenAddress("a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        await self._plain.sleep(seconds)


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, by the machine's own resolver. Raises OSError.

    Each in a thread of its own that nobody waits for: a name server that never answers must not
    fill the threads that the rest of the process shares, nor hold up its end.
    """
    found: Future[Sequence[str]] = Future()
    found.set_running_or_notify_cancel()

    def look_up() -> None:
        try:
            found.set_result(_addresses(host, port))
        except (OSError, UnicodeError):
            found.set_exception(OSError("no such name"))

    threading.Thread(target=look_up, name="name-server", daemon=True).start()
    return await asyncio.wrap_future(found)


def _addresses(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def target_of(url: HttpUrl) -> httpcore.URL:
    """Built from checked parts, so that no second parser reads the text differently."""
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return httpcore.URL(scheme=url.scheme, host=host_of(url), port=url.port, target=path)


def authority_of(url: HttpUrl) -> str:
    """What ``Host`` says."""
    usual = {"http": 80, "https": 443}[url.scheme]
    return str(url.host) if url.port == usual else f"{url.host}:{url.port}"
