"""A HEAD gets what a GET gets, and costs what its headers cost."""

import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from common.api.door.head import HeadAsGet


class Endless:
    """An application that streams until somebody stops it."""

    def __init__(self) -> None:
        self.method = ""
        self.sent = 0
        self.stopped = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        self.method = scope["method"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
                await asyncio.sleep(0)
                self.sent += 1
        finally:
            self.stopped = True


def ask(app: Endless, method: str) -> tuple[list[Message], dict[str, Any]]:
    """What is sent, until a GET has had three pieces."""
    scope: dict[str, Any] = {"type": "http", "method": method}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append({**message, "method": scope["method"]})
        if len(sent) > 3:
            raise OSError("enough")

    async def bounded() -> None:
        try:
            await asyncio.wait_for(HeadAsGet(app)(scope, receive, send), timeout=10)
        except OSError:
            return

    asyncio.run(bounded())
    return sent, scope


def test_a_stream_is_stopped_at_its_first_byte():
    """Nothing goes on behind the headers: no task, no file, no worker's turn."""
    app = Endless()
    (start, end), scope = ask(app, "HEAD")
    assert (start["status"], start["headers"]) == (200, [(b"a", b"b")])
    assert (end["body"], end.get("more_body", False)) == (b"", False)
    assert (app.method, app.sent, app.stopped) == ("GET", 0, True)
    assert start["method"] == scope["method"] == "HEAD", "who looks from outside sees the real one"


def test_a_get_is_left_alone():
    app = Endless()
    sent, _ = ask(app, "GET")
    assert [message["type"] for message in sent[1:]] == ["http.response.body"] * 3
