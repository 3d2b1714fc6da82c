"""What every answer tells browsers: it is what it says it is, and no other site may use it."""

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = b"content-security-policy"

_ALWAYS = (
    # What clients uploaded and prompts said is never guessed to be a page or a script.
    (b"x-content-type-options", b"nosniff"),
    # Not same-site: to browsers all ports of this machine are one site, also those of programs
    # that are none of ours. CORS_ORIGINS is not touched: this is for requests without CORS.
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)
_NOTHING = (
    POLICY,
    # A browser that is sent to a video or a picture shows it in a document of its own making.
    b"default-src 'none'; img-src 'self'; media-src 'self';"
    b" base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
"""For all but pages, which bring their own: nothing runs, and nobody may frame it."""


def install(app: FastAPI) -> None:
    """Put them on every answer of an application.

    Around all its middleware, since the outermost, Starlette's own, answers what nobody caught.
    """
    plain = app.build_middleware_stack
    app.build_middleware_stack = lambda: SafeHeaders(plain())  # type: ignore[method-assign]


class SafeHeaders:
    """ASGI middleware; costs a list of some bytes for each answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a ``send`` that completes each answer's head."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *_ALWAYS]
                if not any(name == POLICY for name, _ in headers):
                    headers.append(_NOTHING)
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, completed)
