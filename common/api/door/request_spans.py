"""A span around each POST, where traces are on."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.api.service import Service


class RequestSpans:
    """ASGI middleware: goes on with the client's trace, and is what a job's spans hang on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, inside a span."""
        service = getattr(scope["app"].state, "service", None) if "app" in scope else None
        tracing = service.tracing if isinstance(service, Service) else None
        if tracing is None or scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        with tracing.request("POST", Headers(scope=scope)) as answered:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route = str(getattr(scope.get("route"), "path", "none"))
                    answered(route, message["status"])
                await send(message)

            await self._app(scope, receive, noted)
