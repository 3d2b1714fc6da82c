"""Heads and chunks of requests that are work to take apart: counted before, and refused."""

from typing import Any

import h11

MAX_HEAD_BYTES = 16 * 1024
MOST_LINES = 100
MOST_MARKS = 500
"""Request line and headers: all of it; lines; parameters and crumbs of cookies. The longest honest
heads are tokens and cookies of a few KB. What is parsed costs 5 microseconds a line or mark."""

FREE_PIECES = 128
BYTES_A_PIECE = 512
"""Chunks of a body may be small, or many. Each costs 13 microseconds to take apart, so that one of
a byte costs a thousand times its length."""


class Bounded(h11.Connection):
    """Refuses heads and chunks that are work, as it refuses what breaks the protocol."""

    def __init__(self, our_role: type[h11.SERVER]) -> None:
        super().__init__(our_role)
        self.long_head = False
        self._pieces = self._bytes = 0

    def next_event(self) -> Any:
        """What has come next. Raises RemoteProtocolError."""
        if self.their_state is h11.IDLE and _is_long(self.trailing_data[0]):
            self.long_head = True
            raise h11.RemoteProtocolError("The head is too long.")
        event = super().next_event()
        if type(event) is h11.Data:
            self._pieces, self._bytes = self._pieces + 1, self._bytes + len(event.data)
            if self._pieces > FREE_PIECES + self._bytes // BYTES_A_PIECE:
                raise h11.RemoteProtocolError("The chunks are too small.")
        elif type(event) is h11.Request:
            self._pieces = self._bytes = 0
        return event


def _is_long(data: bytes) -> bool:
    """Whether what begins with a head is too much to parse; counted at the speed of C."""
    end = data.find(b"\r\n\r\n")
    end = len(data) if end < 0 else end
    if end < MOST_MARKS:
        return False
    marks = data.count(b"&", 0, end) + data.count(b";", 0, end)
    return end > MAX_HEAD_BYTES or data.count(b"\n", 0, end) > MOST_LINES or marks > MOST_MARKS
