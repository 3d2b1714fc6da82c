"""A request that another service makes for somebody: heard to its end before it is let in."""

import asyncio

from fastapi import Request
from starlette.types import Message, Receive

from common.api.auth.caller import Caller
from common.api.auth.statements import Call, Statements
from common.base.errors import BodyTooLarge
from common.base.errors.access import SlowBody, Unauthenticated
from common.base.settings import MIB

SCHEME = "stack"
"""In ``Authorization``, before the statement."""
MOST_BYTES = MIB
"""Of a step's body: those of a whole pipeline are less."""
PATIENCE_SECONDS = 10


async def heard(
    request: Request, receive: Receive, statement: str, statements: Statements | None
) -> tuple[Caller, Receive]:
    """For whom it is, and its body again. Nothing is read for who cannot sign.

    Raises:
        Unauthenticated: the statement is not good, or none is taken here.
        BodyTooLarge, SlowBody: while reading.
    """
    if statements is None:
        raise Unauthenticated(
            "This service takes no other one's word.",
            presented=True,
            hint="Set STACK_SECRET, the same in all services.",
        )
    claims = statements.read(statement)
    body = await _whole(receive)
    query = request.scope["query_string"].decode("latin-1")
    target = request.scope["path"] + (f"?{query}" if query else "")
    key = request.headers.get("idempotency-key", "")
    return statements.caller(claims, Call(request.method, target, key, body)), _again(body, receive)


async def _whole(receive: Receive) -> bytes:
    body, more = b"", True
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message["type"] == "http.request" and bool(message.get("more_body"))
                if len(body) > MOST_BYTES:
                    raise BodyTooLarge("The body is over 1 MB.", hint="Send less in one step.")
    except TimeoutError:
        raise SlowBody("The body did not come.", hint="Send it again.") from None
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    left = [body]

    async def replay() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replay
