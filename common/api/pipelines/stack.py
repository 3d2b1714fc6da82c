"""The services of a stack, over HTTP: a step is asked for as any client would."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpcore

from common import __version__
from common.api.auth.speaking import SCHEME
from common.api.auth.statements import Call, Statements
from common.base.errors.pipeline import NoStackSecret
from common.base.settings import MIB, Settings
from common.base.settings.stack import addresses_of
from common.contract import ModelSpec
from common.jobs.keys import HEADER

PATIENCE_SECONDS = 30.0
MOST_BYTES = 4 * MIB
"""Of an answer: a job, with all that was asked."""
PATHS_SECONDS = 60.0
"""So long is kept which paths of a service make jobs; a newer version may have more."""

Method = Literal["GET", "HEAD", "POST"]
_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104  # compared with


class Silent(Exception):
    """A service does not answer; the words say how, for people."""


@dataclass(frozen=True)
class Answer:
    """What a service has said."""

    status: int
    content: Mapping[str, Any] = field(default_factory=dict)
    """The JSON object; empty where it was none."""
    retry_after: float | None = None
    """Seconds."""


class Stack:
    """All services that this one can ask, itself among them. Only their addresses are called."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        statements: Statements | None = None,
        required: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``required``: whether callers must say who they are, and so must we for them."""
        self._addresses = addresses
        self._statements = statements
        self._required = required
        self._clock = clock
        self._paths: dict[str, tuple[float, re.Pattern[str]]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Of the services."""
        return tuple(self._addresses)

    def check(self) -> None:
        """Raises NoStackSecret: no step could be asked for in its owner's name."""
        if self._required() and self._statements is None:
            raise NoStackSecret(
                "Pipelines need STACK_SECRET here: callers have keys, and a service must show for "
                "whom it asks another one.",
                hint="Set STACK_SECRET or STACK_SECRET_FILE, the same in all services.",
            )

    async def makes_jobs(self, service: str, path: str) -> bool:
        """Whether a service makes a job of what is posted there. Raises Silent."""
        known = self._paths.get(service)
        if known is None or self._clock() - known[0] > PATHS_SECONDS:
            answer = await self._ask("GET", service, "/", {})
            if answer.status != 200:
                raise Silent(f"{service} answers {answer.status}")
            paths = answer.content.get("makes_jobs", ["/generate"])
            known = (self._clock(), re.compile("|".join(paths)))
            self._paths[service] = known
        return known[1].fullmatch(path) is not None

    async def ask(
        self,
        owner: str,
        method: Method,
        service: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> Answer:
        """Ask a service in its owner's name. Raises Silent."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if content else {}
        if key:
            headers[HEADER] = key
        if self._statements is not None and self._required():
            call = Call(method, path, key, content)
            headers["Authorization"] = f"{SCHEME} {self._statements.sign(service, owner, call)}"
        return await self._ask(method, service, path, headers, content)

    async def _ask(
        self,
        method: Method,
        service: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes = b"",
    ) -> Answer:
        if service not in self._addresses:
            raise Silent(f"{service} is not in STACK_ADDRESSES any more")
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._asked(method, service, path, headers, content)
        except (TimeoutError, httpcore.TimeoutException) as exc:
            raise Silent(f"{service} does not answer in time") from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as exc:
            raise Silent(f"{service} does not answer") from exc

    async def _asked(
        self,
        method: Method,
        service: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes,
    ) -> Answer:
        said = {
            "Host": service,  # every service answers to its own name
            "Accept": "application/json",
            "Content-Length": str(len(content)),
            "User-Agent": f"VideosDGX/{__version__}",
            **headers,
        }
        url = f"{self._addresses[service]}{path}"
        # A pool for each: a connection that is kept would break at a restart of the other side.
        async with (
            httpcore.AsyncConnectionPool() as pool,
            pool.stream(method, url, headers=list(said.items()), content=content) as response,
        ):
            text = await _bounded(response)
            return Answer(response.status, _object(text), _retry_after(response))


async def _bounded(response: httpcore.Response) -> bytes:
    text = b""
    async for piece in response.aiter_stream():
        text += piece
        if len(text) > MOST_BYTES:
            return b""
    return text


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _retry_after(response: httpcore.Response) -> float | None:
    named = (value for name, value in response.headers if name.lower() == b"retry-after")
    text = next(named, b"").decode("latin-1")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def open_stack(
    settings: Settings,
    spec: ModelSpec,
    statements: Statements | None,
    required: Callable[[], bool],
) -> Stack:
    """As the settings say; the service itself is always there."""
    others = addresses_of(settings.stack_addresses)
    host = "127.0.0.1" if settings.host in _ANYWHERE else settings.host
    own = f"http://[{host}]" if ":" in host else f"http://{host}"
    return Stack({**others, spec.id: f"{own}:{settings.port or spec.port}"}, statements, required)
