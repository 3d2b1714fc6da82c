"""How deep and how long JSON may be, found out at the speed of C before anything is made of it.

A body of 57 MB of ``[],`` would be 2.8 GB of Python objects, and 100,000 ``[`` end a parser that
calls itself.
"""

import re
from collections.abc import Iterator

from common.base.errors import InvalidRequest

MOST_VALUES = 20_000
"""Lists, objects and commas together. The largest batch has 200 requests of some 20 fields."""

MOST_DEPTH = 64
"""Nobody's options are deeper, and every parser here stands more."""

_SLICE = 256 * 1024
"""Bytes between two looks at the sums: a hostile body is known by its first piece."""

_BRACKETS = re.compile(rb"[\[\]{}]")


def check_json(text: bytes) -> None:
    """Refuse what is too deep or too long; whether it is JSON at all is not looked at.

    Base64 holds no bracket or comma and prompts few: then it is enough to count them all. Where
    there are many, those inside of strings are left out.

    Raises:
        InvalidRequest: with the limit.
    """
    depth = values = 0
    for piece in _pieces(text):
        opened = piece.count(b"[") + piece.count(b"{")
        depth, values = depth + opened, values + opened + piece.count(b",")
        if depth > MOST_DEPTH or values > MOST_VALUES:
            _check_outside_of_strings(text)
            return


def _check_outside_of_strings(text: bytes) -> None:
    depth = values = 0
    inside = False
    for piece in _pieces(text):
        parts = piece.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')
        plain = b"".join(parts[inside::2])
        inside ^= len(parts) % 2 == 0
        values += plain.count(b",") + plain.count(b"[") + plain.count(b"{")
        if values > MOST_VALUES or len(parts) > 4 * MOST_VALUES:
            raise InvalidRequest(
                f"The JSON has over {MOST_VALUES:,} values.", hint="Send less at once."
            )
        for bracket in _BRACKETS.findall(plain):
            depth += 1 if bracket in b"[{" else -1
            if depth > MOST_DEPTH:
                raise InvalidRequest(
                    f"The JSON is nested over {MOST_DEPTH} levels deep.", hint="Send it flatter."
                )


def _pieces(text: bytes) -> Iterator[bytes]:
    """In slices of which none ends between a backslash and what it escapes."""
    start = 0
    while start < len(text):
        end = start + _SLICE
        piece = text[start:end]
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:
            end += 1
            piece = text[start:end]
        yield piece
        start = end
