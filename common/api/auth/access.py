"""The door of a service: which host is meant, who asks, for which site, and how often.

All of it before any route, so that a new route is closed until it is named here as an open one.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.api.auth.authenticator import Authenticator, Credentials
from common.api.auth.buckets import Buckets
from common.api.auth.caller import NOBODY, Caller
from common.api.auth.failures import Failures
from common.api.door.callers import address
from common.api.door.error_handlers import refusal
from common.api.routes.views import ErrorView
from common.base.errors import VideosDGXError
from common.base.errors.access import CrossOrigin, InvalidHost, Unauthenticated
from common.base.settings import Settings
from common.contract import ModelSpec

COOKIE = "videosdgx_session"
HEALTH = "/health"
METRICS = "/metrics"

_OPEN = {
    *("/", HEALTH, "/ui", "/auth/session", "/docs", "/openapi.json"),
}
_CREATING = ("/generate(/.*)?", "/batches/[^/]+/retry")
"""The core's own paths that make jobs. One that is missing here is only not counted."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
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

    def is_open(self, path: str) -> bool:
        """Whether a route answers those who say nothing of themselves."""
        metrics = self.metrics_open and path == METRICS
        return path in _OPEN or path.startswith(("/ui/", "/docs/")) or metrics


def open_access(settings: Settings, spec: ModelSpec, authenticator: Authenticator) -> Access:
    """As the settings say; a service also answers to its own name, as containers call it."""
    limit = settings.rate_limit_per_minute
    return Access(
        authenticator=authenticator,
        failures=Failures(spec.id),
        hosts=_listed(settings.allowed_hosts) | {spec.id} | _address(settings.host),
        origins=_listed(settings.cors_origins or ""),
        creating=re.compile("|".join((*_CREATING, *spec.kind.creating))),
        buckets=Buckets(limit, f"{spec.kind.noun}s") if limit else None,
        metrics_open=settings.metrics_open,
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

    def _admit(self, request: Request) -> tuple[Caller, dict[str, str]]:
        """The caller, and headers for the answer. Raises what the caller is to be told."""
        _check_host(request, self._access.hosts)
        credentials = _credentials(request)
        _check_origin(request, credentials, self._access.origins)
        caller = self._caller(request, credentials)
        buckets = self._access.buckets
        creates = request.method == "POST" and self._access.creating.fullmatch(_path(request))
        return caller, buckets.take(caller.name).headers if buckets and creates else {}

    def _caller(self, request: Request, credentials: Credentials) -> Caller:
        try:
            return self._access.authenticator.caller(credentials)
        except VideosDGXError:
            if self._access.is_open(_path(request)):
                return NOBODY
            raise


def _path(request: Request) -> str:
    """What the router goes by, too.

    ``request.url`` is put together with the Host header, which may lie: where that is not looked at
    closely, the host ``x/health?`` makes every path seem to be ``/health``.
    """
    path: str = request.scope["path"]
    return path


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
    )


def _check_host(request: Request, hosts: frozenset[str]) -> None:
    """Against DNS rebinding: a page's own name, made to point here, is no name of ours.

    ``/health`` says nothing that is worth it, and is asked by probes that know an address only.

    Raises:
        InvalidHost: the Host header names another host.
    """
    said = request.headers.get("host", "").lower()
    name = re.sub(r":\d*$", "", said)
    if name not in hosts and "*" not in hosts and _path(request) != HEALTH:
        raise InvalidHost(
            "The Host header names no host of this service.",
            hint="If you run it, add the name that you call it by to ALLOWED_HOSTS.",
        )


def _check_origin(request: Request, credentials: Credentials, origins: frozenset[str]) -> None:
    """A page of another site may not change things with what the browser adds by itself.

    Browsers name the site in Sec-Fetch-Site (on HTTPS and localhost) and in Origin. Who names none
    is no browser, which is fine as long as no cookie comes along.

    Raises:
        CrossOrigin: it is another site, or with a cookie may be one.
    """
    if request.method in _SAFE or not credentials.ambient:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if credentials.cookie is None and (not (site or origin) or (origin or "").lower() in origins):
        return
    place = _place(origin)
    own = bool(place) and place == request.headers.get("host")
    if not (site in ("same-origin", "none") if site else own):
        raise CrossOrigin(
            "A page of another site may not do this.",
            hint="Send a key in a header. CORS_ORIGINS names sites that may ask.",
        )


def _place(origin: str | None) -> str:
    """Host and port of an origin; empty where it is none, as in ``null`` or ``http://[::``."""
    try:
        return urlsplit(origin or "").netloc
    except ValueError:
        return ""
