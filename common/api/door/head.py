"""HEAD on every route that takes GET: the same answer without its body, which is not made."""

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """ASGI middleware: a HEAD is a GET that ends with its headers.

    The route sees a GET and is stopped at the first byte, so that streams end, and no file is read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on as the GET that it stands for."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        with anyio.CancelScope() as making:

            async def headers_only(message: Message) -> None:
                if message["type"] == "http.response.start":
                    scope["method"] = "HEAD"  # for those outside who look at what is answered
                    await send(message)
                    await send({"type": "http.response.body", "body": b""})
                    making.cancel()

            scope["method"] = "GET"
            try:
                await self._app(scope, receive, headers_only)
            finally:
                scope["method"] = "HEAD"
