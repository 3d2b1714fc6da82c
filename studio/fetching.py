"""Fetches a file from an address that a stranger wrote.

Each name is resolved here and what is connected to is the address that was checked, after each
redirect anew. Size and time are bounded; what the file is, its bytes say and no header.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urljoin

import httpcore
from pydantic import HttpUrl, TypeAdapter, ValidationError

from common import __version__
from common.base.disk import disk_named
from common.base.errors import InvalidRequest
from common.base.network.guarded import (
    ForbiddenAddress,
    GuardedNetwork,
    Resolve,
    authority_of,
    resolve,
    target_of,
)
from common.base.network.public import allowed, may_be_named
from common.base.network.tls import client_context
from common.base.network.urls import host_of
from common.base.settings.fetching import FetchSettings
from studio.sources import is_object

MAX_REDIRECTS = 5
TRIES = 3
_WAITS = (1.0, 5.0)
"""Seconds before the second try and the third."""
_LOOK_SECONDS = 0.2
_QUIET_SECONDS = 30.0
"""A server that says nothing for so long is given up."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_URL: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)


Way = Callable[[Path], Awaitable[None]]
"""One try to put a file there. Raises ``Broken``, and what ``Fetcher.fetch`` raises."""


class Broken(Exception):
    """It may go better the next time; in words for the client, and the way out."""

    def __init__(self, words: str, hint: str = "Look at the address.") -> None:
        super().__init__(words)
        self.hint = hint


def check_address(text: str, settings: FetchSettings) -> HttpUrl:
    """Whether a file may be fetched from there, as far as the address tells.

    Raises:
        InvalidRequest: it may not; without a field's name.
    """
    if not settings.fetch_urls:
        raise _refused("this service fetches nothing", "Upload the file, or set FETCH_URLS=1.")
    try:
        url = _URL.validate_python(text)
    except ValidationError as exc:
        raise _refused("it is no address", "It looks like https://host/path.") from exc
    if url.scheme != "https" and not settings.fetch_allow_http:
        raise _refused("it must begin with https://", "FETCH_ALLOW_HTTP=1 takes http:// too.")
    if url.username or url.password:
        raise _refused("it has a name or a password in it", "Send one without.")
    if settings.fetch_ports != "any" and str(url.port) not in settings.fetch_ports.split(","):
        raise _refused(f"nothing is fetched from port {url.port}", "FETCH_PORTS lists them.")
    if not may_be_named(host_of(url), private=settings.fetch_allow_private):
        raise _not_public()
    return url


@dataclass(frozen=True)
class Fetcher:
    """Of one worker."""

    settings: FetchSettings
    max_bytes: int
    resolve: Resolve = resolve
    allowed: Callable[..., bool] = allowed
    """Of an address that a name led to."""
    waits: tuple[float, ...] = _WAITS
    objects: Callable[[str], Way] | None = None
    """For addresses in buckets. Raises InvalidRequest: one may not be read."""

    def fetch(self, address: str, path: Path, look: Callable[[], None]) -> None:
        """Put the file at ``address`` into ``path``: whole, or not at all.

        ``look`` is called often; what it raises ends it.

        Raises:
            InvalidRequest: it may not be fetched, is too large, or did not come; no field's name.
            StorageFull, StorageUnavailable: the disk.
        """
        way, part = self._way(address), path.with_suffix(".part")
        part.unlink(missing_ok=True)  # what a worker has left that was killed
        try:
            asyncio.run(self._watched(way, part, look))
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)

    def _way(self, address: str) -> Way:
        if self.objects is not None and is_object(address):
            return self.objects(address)
        return partial(self._followed, check_address(address, self.settings))

    async def _watched(self, way: Way, part: Path, look: Callable[[], None]) -> None:
        fetching = asyncio.create_task(self._in_time(way, part))
        try:
            while not fetching.done():
                look()
                await asyncio.wait({fetching}, timeout=_LOOK_SECONDS)
        finally:
            fetching.cancel()
        await fetching

    async def _in_time(self, way: Way, part: Path) -> None:
        try:
            async with asyncio.timeout(self.settings.fetch_seconds):
                await self._tried(way, part)
        except TimeoutError as exc:
            seconds = self.settings.fetch_seconds
            raise InvalidRequest(
                f"It did not come within {seconds:g} seconds.",
                hint="Upload it. FETCH_SECONDS sets the limit.",
            ) from exc

    async def _tried(self, way: Way, part: Path) -> None:
        for wait in (*self.waits, None):
            try:
                return await way(part)
            except Broken as exc:
                if wait is None:
                    words = f"It could not be fetched: {exc}."
                    raise InvalidRequest(words, hint=exc.hint) from exc
                await asyncio.sleep(wait)
        return None

    async def _followed(self, url: HttpUrl, part: Path) -> None:
        for _ in range(MAX_REDIRECTS + 1):
            elsewhere = await self._asked(url, part)
            if elsewhere is None:
                return
            url = check_address(urljoin(str(url), elsewhere), self.settings)
        raise InvalidRequest("It leads from one address to the next.", hint="Name the last one.")

    async def _asked(self, url: HttpUrl, part: Path) -> str | None:
        """The address that it is to be fetched from instead, if there is one."""
        private = partial(self.allowed, private=self.settings.fetch_allow_private)
        network = GuardedNetwork(self.resolve, private)
        headers = {
            "Host": authority_of(url),
            "User-Agent": f"VideosDGX/{__version__}",
            "Accept-Encoding": "identity",
        }
        quiet = dict.fromkeys(("connect", "read", "write", "pool"), _QUIET_SECONDS)
        with _in_words():
            async with (
                httpcore.AsyncConnectionPool(client_context(), network_backend=network) as pool,
                pool.stream(
                    "GET",
                    target_of(url),
                    headers=list(headers.items()),
                    extensions={"timeout": quiet},
                ) as response,
            ):
                told = {key.lower(): value.decode("latin-1") for key, value in response.headers}
                if response.status in _REDIRECTS and b"location" in told:
                    return told[b"location"]
                _check_status(response.status)
                await self._written(response, told.get(b"content-length", ""), part)
        return None

    async def _written(self, response: httpcore.Response, length: str, part: Path) -> None:
        told = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None
        done = 0
        with disk_named("uploads"), part.open("wb") as file:
            async for piece in response.aiter_stream():
                done += len(piece)
                if max(done, told or 0) > self.max_bytes:
                    raise InvalidRequest(
                        f"The file has more than {self.max_bytes / 1e6:,.0f} MB.",
                        hint="FETCH_MAX_MB sets the limit.",
                    )
                file.write(piece)


def _check_status(status: int) -> None:
    if status >= 500 or status == 429:
        raise Broken(f"its server answered {status}")
    if status != 200:
        raise InvalidRequest(
            f"It could not be fetched: its server answered {status}.", hint="Look at the address."
        )


@contextmanager
def _in_words() -> Iterator[None]:
    """What a network says of itself stays inside."""
    try:
        yield
    except ForbiddenAddress as exc:
        raise _not_public() from exc
    except httpcore.TimeoutException as exc:
        raise Broken("its server is silent") from exc
    except httpcore.ConnectError as exc:
        raise Broken("there is no connection to its server") from exc
    except (httpcore.NetworkError, httpcore.ProtocolError) as exc:
        raise Broken("the connection broke") from exc


def _not_public() -> InvalidRequest:
    return _refused("it is not public", "FETCH_ALLOW_PRIVATE=1 takes private ones too.")


def _refused(why: str, hint: str) -> InvalidRequest:
    return InvalidRequest(f"The address is not fetched: {why}.", hint=hint)
