"""Reads objects over HTTP, as they come: for downloads through the service, and for its inputs."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus

import httpcore
from anyio import to_thread

from common.base.errors import StorageUnavailable
from common.base.network.tls import client_context
from common.publishing.bucket.opening import Server
from common.publishing.bucket.signing import presigned

_SIGNED_SECONDS = 300
"""Between the signature and the request lies no time; clocks differ."""
_ASKED = frozenset({b"range", b"if-range", b"if-none-match", b"if-modified-since"})
"""What is passed on of a client's request."""
_trusted = cache(client_context)
_FINE = (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.NOT_MODIFIED)


class BucketUnavailable(StorageUnavailable):
    """The bucket does not answer, or not as it should."""

    code = "bucket_unavailable"


class NoSuchObject(Exception):
    """The bucket has none of this name."""


@dataclass(frozen=True)
class Opened:
    """An object, or what of it was asked for: the answer's status and headers, and its bytes."""

    status: int
    headers: Mapping[str, str]
    """By names in lower case."""
    chunks: AsyncIterator[bytes]
    """Raises BucketUnavailable: it broke off."""


@asynccontextmanager
async def opened_object(
    server: Server, bucket: str, key: str, asked: Mapping[str, str] | None = None
) -> AsyncIterator[Opened]:
    """Ask for an object; it is open inside the block.

    ``asked``: headers of a client, of which Range and conditions are passed on.

    Raises:
        NoSuchObject: there is none.
        BucketUnavailable: no answer, or none that is one. 416 is an answer.
    """
    address = await to_thread.run_sync(_address, server, bucket, key)
    passed = [
        (name.encode(), value.encode("latin-1"))
        for name, value in (asked or {}).items()
        if name.lower().encode() in _ASKED
    ]
    names = ("connect", "read", "write", "pool")
    patience = {"timeout": dict.fromkeys(names, server.timeout)}
    with _in_our_words():
        async with (
            httpcore.AsyncConnectionPool(None if address.scheme == b"http" else _trusted()) as pool,
            pool.stream("GET", address, headers=[*passed], extensions=patience) as answer,
        ):
            yield _checked(answer)


def _address(server: Server, bucket: str, key: str) -> httpcore.URL:
    return httpcore.URL(presigned(server, bucket, key, seconds=_SIGNED_SECONDS))


def _checked(answer: httpcore.Response) -> Opened:
    if answer.status == HTTPStatus.NOT_FOUND:
        raise NoSuchObject
    if answer.status not in (*_FINE, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
        raise BucketUnavailable(
            f"The bucket answers {answer.status}.", hint="The service's operator knows its keys."
        )
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers
    }
    return Opened(answer.status, headers, _chunks(answer))


async def _chunks(answer: httpcore.Response) -> AsyncIterator[bytes]:
    with _in_our_words():
        async for chunk in answer.aiter_stream():
            yield chunk


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as exc:
        raise BucketUnavailable("The bucket does not answer.", hint="Try again later.") from exc
