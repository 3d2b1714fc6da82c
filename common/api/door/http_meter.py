"""Measures how long answers take to begin, by route."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.api.service import Service

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class HttpMeter:
    """ASGI middleware: looks at each answer's first message, and holds nothing back.

    The route is its template, as in ``/jobs/{job_id}``, so that the number of series is bounded.
    Event streams are not measured: they begin at once and tell nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a ``send`` that looks at the clock."""
        service = getattr(scope["app"].state, "service", None) if "app" in scope else None
        if scope["type"] != "http" or not isinstance(service, Service):
            await self._app(scope, receive, send)
            return
        meters = service.meters
        began = meters.clock()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start" and not _streams(message):
                seconds = meters.clock() - began
                meters.http(_method(scope), _route(scope), message["status"], seconds)
            await send(message)

        await self._app(scope, receive, timed)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "other"


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "none"))


def _streams(message: Message) -> bool:
    kind = dict(message.get("headers", ())).get(b"content-type", b"")
    return bool(kind.startswith(b"text/event-stream"))
