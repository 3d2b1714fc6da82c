"""The door of a service: which host is meant, who asks, for which site, and how often.

All of it before any route, so that a new route is closed until it is named here as an open one.
"""

import re
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.api.auth.authenticator import Authenticator, Credentials
from common.api.auth.buckets import Buckets
from common.api.auth.caller import NOBODY, Caller
from common.api.auth.failures import Failures
from common.api.auth.sites import HEALTH, check_host, check_origin, path_of
from common.api.auth.speaking import SCHEME, heard
from common.api.auth.statements import Statements
from common.api.door.callers import address
from common.api.door.error_handlers import refusal
from common.api.routes.views import ErrorView
from common.base.errors import VideosDGXError
from common.base.errors.access import Unauthenticated
from common.base.settings import Settings
from common.contract import ModelSpec

COOKIE = "videosdgx_session"
METRICS = "/metrics"

_OPEN = {
    *("/", HEALTH, "/ui", "/auth/session", "/docs", "/openapi.json"),
}
_CREATING = ("/generate(/.*)?", "/batches/[^/]+/retry", "/pipelines(/[^/]+/retry)?")
"""The core's own paths that make jobs. One that is missing here is only not counted."""
_EXPOSED = ("Location", "Retry-After", "RateLimit", "RateLimit-Policy", "Content-Disposition")


FORBIDDEN: dict[int | str, dict[str, Any]] = {
    403: {"model": ErrorView, "description": "It needs the scope admin."}
}
"""For the description of routes with ``admin_only``."""


@dataclass(frozen=True)
class Access:
    """Who comes in, and as what."""

    authenticator: Authenticator
    hosts: frozenset[str]
    failures: Failures
    creating: re.Pattern[str]
    """Paths that make jobs, by POST: what costs the GPU something."""
    origins: frozenset[str] = frozenset()
    buckets: Buckets | None = None
    metrics_open: bool = False
    statements: Statements | None = None
    """Of other services; None where none is taken."""

    def is_open(self, path: str) -> bool:
        """Whether a route answers those who say nothing of themselves."""
        metrics = self.metrics_open and path == METRICS
        return path in _OPEN or path.startswith(("/ui/", "/docs/")) or metrics


def open_access(
    settings: Settings,
    spec: ModelSpec,
    authenticator: Authenticator,
    statements: Statements | None = None,
) -> Access:
    """As the settings say; a service also answers to its own name, as containers call it."""
    limit = settings.rate_limit_per_minute
    return Access(
        authenticator=authenticator,
        failures=Failures(spec.id),
        hosts=_listed(settings.allowed_hosts) | {spec.id} | _address(settings.host),
        origins=_listed(settings.cors_origins or ""),
        creating=re.compile("|".join((*_CREATING, *spec.kind.creating, *spec.kind.waiting))),
        buckets=Buckets(limit, f"{spec.kind.noun}s") if limit else None,
        metrics_open=settings.metrics_open,
        statements=statements,
    )


def install(app: FastAPI, access: Access) -> None:
    """Put the door in front of an application."""
    app.state.access = access
    app.add_middleware(Door, access=access)
    if access.origins:  # outside of the door: a browser's preflight brings no key along
        app.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(access.origins),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=_EXPOSED,
        )


def access_of(request: Request) -> Access:
    """The rules of the application that a request came to."""
    access = request.app.state.access
    assert isinstance(access, Access)  # noqa: S101  # set by install
    return access


def caller_of(request: Request) -> Caller:
    """Who sent a request; the door has found out."""
    caller = request.state.caller
    assert isinstance(caller, Caller)  # noqa: S101  # set by Door
    return caller


async def admin_only(request: Request) -> None:
    """A dependency of routes that concern all users. Raises Forbidden."""
    caller_of(request).check_admin()


async def metrics_reader(request: Request) -> None:
    """A dependency of the metrics. Raises Forbidden unless they are open, or an admin asks."""
    if not access_of(request).metrics_open:
        await admin_only(request)


class Door:
    """ASGI middleware; what it refuses costs nothing, not even the reading of a body."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or pass the request on with its caller in ``request.state``."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            receive = await self._heard(request, receive)
            caller, headers = self._admit(request)
        except VideosDGXError as exc:
            # An ended cookie is no attempt, and a browser sends it by itself.
            if isinstance(exc, Unauthenticated) and not _credentials(request).ambient:
                await self._access.failures.note(address(scope))
            await refusal(request, exc)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self._app(scope, receive, with_headers if headers else send)

    async def _heard(self, request: Request, receive: Receive) -> Receive:
        """Where another service asks, for whom; its body as the next are to read it."""
        statement = _credentials(request).statement
        if statement is None or not self._access.authenticator.required:
            return receive
        named = await heard(request, receive, statement, self._access.statements)
        request.state.named, receive = named
        return receive

    def _admit(self, request: Request) -> tuple[Caller, dict[str, str]]:
        """The caller, and headers for the answer. Raises what the caller is to be told."""
        check_host(request, self._access.hosts)
        credentials = _credentials(request)
        check_origin(request, credentials, self._access.origins)
        caller = self._caller(request, credentials)
        buckets = self._access.buckets
        creates = request.method == "POST" and self._access.creating.fullmatch(path_of(request))
        return caller, buckets.take(caller.name).headers if buckets and creates else {}

    def _caller(self, request: Request, credentials: Credentials) -> Caller:
        named: Caller | None = getattr(request.state, "named", None)
        if named is not None:
            return named
        try:
            return self._access.authenticator.caller(credentials)
        except VideosDGXError:
            if self._access.is_open(path_of(request)):
                return NOBODY
            raise


def _listed(text: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in text.split(",") if part.strip())


def _address(host: str) -> set[str]:
    """How the address that it listens on is called; "all addresses" is no name for it."""
    if host in ("0.0.0.0", "::"):  # noqa: S104  # compared with, not listened on
        return set()
    return {f"[{host}]" if ":" in host else host.lower()}


def _credentials(request: Request) -> Credentials:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    # Another scheme is not meant for us: Basic is the proxy's, which passes it on.
    return Credentials(
        api_key=request.headers.get("x-api-key"),
        bearer=token.strip() if scheme.lower() == "bearer" else None,
        cookie=request.cookies.get(COOKIE),
        statement=token.strip() if scheme.lower() == SCHEME else None,
    )
