"""Stops request bodies that are too large before they fill memory or disk."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import BodyTooLarge
from common.settings import MIB


class BodyLimit:
    """ASGI middleware: counts bytes as they come, since a length header may lie or be absent."""

    def __init__(self, app: ASGIApp, max_body_mb: float) -> None:
        self._app = app
        self._max_mb = max_body_mb
        self._max_bytes = int(max_body_mb * MIB)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting ``receive``."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        declared = int(length) if length.isdigit() else 0
        received = 0

        async def counted() -> Message:
            nonlocal received
            if declared > self._max_bytes:
                raise self._too_large()
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"The body is over {self._max_mb:g} MB.",
            hint="Send a smaller picture or video, or raise MAX_BODY_MB.",
        )
