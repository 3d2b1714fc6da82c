"""Who may hold a connection, and for how long: a cap, an address's share, and one reaper for all.

A connection waits for its client until a whole request head has come; those that do are closed
first when others need the place, and when their patience is over. An answer that is being made, an
event stream and a download that moves take as long as they take.
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from common.api.door.heads import MAX_HEAD_BYTES, MOST_LINES, MOST_MARKS, Bounded
from common.base.errors import ErrorBody

READ_BYTES = 64 * 1024
"""Taken from a socket at a time: what one step of the event loop has to parse."""

STALLS = 6
"""A client that takes nothing of its answer has so many times the patience for a request."""


@dataclass(eq=False)
class Hall:
    """All connections of a server."""

    most: int
    patience: float
    """Seconds for the head of a request."""
    clock: Callable[[], float] = time.monotonic
    everybody: "set[Connection]" = field(default_factory=set)
    waiting: "OrderedDict[Connection, float]" = field(default_factory=OrderedDict)
    """Those whose client has to say something, and since when; the longest first."""
    _addresses: Counter[str] = field(default_factory=Counter)

    def enter(self, one: "Connection") -> bool:
        """Give a new connection a place, another's where need be. False where there is none."""
        full = len(self.everybody) >= self.most
        if self._addresses[one.address] >= self.most // 2:
            there = self._close_longest(one.address)
        else:
            there = not full or self._close_longest(None)
        self.everybody.add(one)
        self._addresses[one.address] += 1
        if there:
            self.waiting[one] = self.clock()
        return there

    def leave(self, one: "Connection") -> None:
        """It is closed."""
        if one in self.everybody:
            self.everybody.discard(one)
            self.waiting.pop(one, None)
            self._addresses[one.address] -= 1
            if not self._addresses[one.address]:
                del self._addresses[one.address]

    def wait(self, one: "Connection") -> None:
        """It is the client's turn."""
        self.waiting.pop(one, None)
        self.waiting[one] = self.clock()

    def work(self, one: "Connection") -> None:
        """It is ours."""
        self.waiting.pop(one, None)

    def reap(self) -> None:
        """Close what has waited for too long; called about once a second."""
        now = self.clock()
        for one in list(self.everybody):
            since = self.waiting.get(one)
            if one.stalled(now) > STALLS * self.patience:
                one.abort()
            elif since is not None and now - since > self.patience and not one.unsent:
                self.work(one)  # nothing more is waited for
                one.give_up()

    def _close_longest(self, address: str | None) -> bool:
        """Rather one that has asked for nothing yet: others may be asking again just now."""
        idle = partial(self._idle, address)
        longest = next((one for one in idle() if one.cycle is None), None) or next(idle(), None)
        if longest is not None:
            longest.abort()
            self.leave(longest)
        return longest is not None

    def _idle(self, address: str | None) -> "Iterator[Connection]":
        return (one for one in self.waiting if address in (None, one.address) and not one.unsent)


class Connection(H11Protocol):
    """uvicorn's, with a place in the hall."""

    hall: ClassVar[Hall]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn: Bounded = Bounded(h11.SERVER)
        self.address = ""
        self._unsent = (0, 0.0)
        """Bytes that the client has not taken, and since when it is this number."""

    @property
    def unsent(self) -> int:
        """Bytes of answers that are still to be taken."""
        return self.transport.get_write_buffer_size()

    def stalled(self, now: float) -> float:
        """Seconds for which the client has taken nothing of what is there for it."""
        unsent = self.unsent
        if not unsent or unsent != self._unsent[0]:
            self._unsent = (unsent, now)
        return now - self._unsent[1]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Also refuse it, where there is no place."""
        super().connection_made(transport)
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # asyncio's own: 256 KB
        self.address = self.client[0] if self.client else ""
        if not self.hall.enter(self):
            self._say(503, _FULL, retry_after=5)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place."""
        self.hall.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Go on; when a request's head is complete it is our turn."""
        super().data_received(data)
        self._take_turns()

    def on_response_complete(self) -> None:
        """It is the client's turn again, unless its next request has come already."""
        super().on_response_complete()
        self.hall.wait(self)
        self._take_turns()

    def send_400_response(self, msg: str) -> None:
        """Only where the client does not read another answer already."""
        if self.cycle is not None:
            self.cycle.disconnected = not self.cycle.response_complete
        if self.conn.long_head:
            self._say(431, _LONG_HEAD)
        elif self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def give_up(self) -> None:
        """Close; who is in the middle of a request is told why."""
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._say(408, _SLOW_HEAD)
        else:
            self.transport.close()

    def abort(self) -> None:
        """Close at once; nobody takes what is there."""
        self.transport.abort()

    def _take_turns(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self.hall.work(self)

    def _say(self, status: int, error: ErrorBody, retry_after: int | None = None) -> None:
        """An answer to no request that the application knows of."""
        body = f'{{"error":{error.model_dump_json()}}}'.encode()
        wait = "" if retry_after is None else f"retry-after: {retry_after}\r\n"
        head = (
            f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nx-content-type-options: nosniff\r\n{wait}"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def protocol_of(hall: Hall) -> type[Connection]:
    """For ``uvicorn.Config(http=...)``: connections of this hall."""
    return type("HallConnection", (Connection,), {"hall": hall})


_PHRASES = {
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
_FULL = ErrorBody(
    code="too_many_connections",
    message="Too many connections are open, in all or from your address.",
    hint="Try again shortly. MAX_CONNECTIONS sets the limit.",
)
_SLOW_HEAD = ErrorBody(
    code="slow_request",
    message="The head of the request did not come in time.",
    hint="Send it again, over a better line. CLIENT_SECONDS sets how long is waited.",
)
_LONG_HEAD = ErrorBody(
    code="head_too_large",
    message=f"The request line and headers are over {MAX_HEAD_BYTES // 1024} KB, {MOST_LINES} lines"
    f" or {MOST_MARKS} parameters.",
    hint="Send fewer or shorter headers and parameters.",
)
