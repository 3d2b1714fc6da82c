"""One attempt: connect, post, look at the answer's status."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial

import httpcore
from pydantic import HttpUrl, TypeAdapter

from common import __version__
from common.base.errors import InvalidRequest
from common.base.network.guarded import (
    ForbiddenAddress,
    GuardedNetwork,
    Resolve,
    authority_of,
    resolve,
    target_of,
)
from common.base.network.public import allowed
from common.base.network.tls import client_context
from common.base.settings.webhooks import WebhookSettings
from common.jobs.outbox import Attempt, Delivery
from common.jobs.webhooks.signing import Signer
from common.jobs.webhooks.target import check_webhook

_URL: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)


@dataclass(frozen=True)
class Answer:
    """What came of an attempt; ``retry_after`` is in seconds, as the receiver wished."""

    attempt: Attempt
    retry_after: float | None = None


class Postman:
    """Posts deliveries. Follows no redirect, knows no proxy, and never reads an answer's body."""

    def __init__(
        self,
        settings: WebhookSettings,
        signer: Signer,
        clock: Callable[[], float],
        resolve: Resolve = resolve,
    ) -> None:
        self._settings = settings
        self._signer = signer
        self._clock = clock
        self._network = GuardedNetwork(
            resolve, partial(allowed, private=settings.webhook_allow_private)
        )
        self._tls = client_context()

    async def post(self, delivery: Delivery) -> Answer:
        """Try once. Whatever happens becomes an answer, in words of our own."""
        at = self._clock()
        try:
            async with asyncio.timeout(self._settings.webhook_timeout_seconds):
                return await self._posted(delivery, at)
        except (TimeoutError, httpcore.TimeoutException):
            error = "no answer in time"
        except (ForbiddenAddress, InvalidRequest):
            error = "the address is not allowed"
        except httpcore.ConnectError as exc:
            error = "the certificate is not trusted" if _by_tls(exc) else "no connection"
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            error = "the connection broke"
        return Answer(Attempt(at=at, error=error))

    async def _posted(self, delivery: Delivery, at: float) -> Answer:
        url = _URL.validate_python(delivery.url)
        check_webhook(url, self._settings)  # the settings may have changed since it was accepted
        body = delivery.body.encode()
        headers: dict[bytes | str, bytes | str] = {
            "Host": authority_of(url),
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "User-Agent": f"VideosDGX/{__version__}",
            **self._signer.headers(delivery.id, at, delivery.body),
        }
        # Half of it for the first address, so that a second one has a chance.
        patience = {"timeout": {"connect": self._settings.webhook_timeout_seconds / 2}}
        # A pool of its own for each attempt: no connection is older than its check.
        async with (
            httpcore.AsyncConnectionPool(self._tls, network_backend=self._network) as pool,
            pool.stream(
                "POST", target_of(url), headers=headers, content=body, extensions=patience
            ) as response,
        ):
            sent = _header(response, b"retry-after")
            return Answer(Attempt(at=at, status=response.status), _retry_after(sent, self._clock()))


def _by_tls(exc: BaseException | None) -> bool:
    """Whether an error of TLS is what an error was made from."""
    while exc is not None and not isinstance(exc, ssl.SSLError):
        exc = exc.__cause__ or exc.__context__
    return exc is not None


def _header(response: httpcore.Response, name: bytes) -> bytes | None:
    return next((value for key, value in response.headers if key.lower() == name), None)


def _retry_after(value: bytes | None, now: float) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
    text = (value or b"").decode("latin-1").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the second: a year that is no machine's number
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, aware.timestamp() - now)
