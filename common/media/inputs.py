"""Pictures from clients: untrusted bytes, judged before anything else touches them."""

import binascii
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import UnsupportedOperation
from typing import BinaryIO

from common.media.picture_reader import look_at_picture, refused_picture

_HEAD_CHARS = 1024
_DATA_URL = re.compile(r"data:[^,]{0,256};base64", re.IGNORECASE)
_PIECE_CHARS = 2**20
"""Decoded at once: other threads go on after some milliseconds."""
_SPACE = b" \t\r\n\v\f"
_BEHIND = "=" + _SPACE.decode()
_OURS = bytes.maketrans(b"-_", b"+/")
"""From the alphabet for addresses, RFC 4648, section 5."""
_ESCAPES = (("%2B", "+"), ("%2b", "+"), ("%2F", "/"), ("%2f", "/"), ("%3D", "="), ("%3d", "="))
"""All that an address can have of base64."""


@dataclass(frozen=True)
class ImageInfo:
    """A whole picture, as a viewer shows it; ``format`` is also the ending of its file."""

    width: int
    height: int
    format: str


def decode_base64_image(text: str) -> bytes:
    """The bytes behind base64 as clients write it.

    In either alphabet, with or without padding, line breaks and ``data:...;base64,`` in front.
    Linear, but not quick for a large text: not for the event loop.

    Raises:
        InvalidRequest: not base64, or nothing in it.
    """
    try:
        data = b"".join(_decoded(_without_prefix(text).rstrip(_BEHIND)))
    except ValueError as exc:  # also UnicodeEncodeError and binascii.Error
        raise refused_picture("The picture is not valid base64.") from exc
    if not data:
        raise refused_picture("The picture is empty.")
    return data


def _without_prefix(text: str) -> str:
    head = "".join(text[:_HEAD_CHARS].split())
    if head.lower().startswith(("http://", "https://")):
        raise refused_picture("Addresses are not fetched.", "Send the picture itself, as base64.")
    if not head.lower().startswith("data:"):
        return text
    prefix, comma, _ = head.partition(",")
    if not comma or not _DATA_URL.fullmatch(prefix):
        raise refused_picture("The data: URL is not a base64 one.")
    text = text[text.index(",") + 1 :]
    for escape, letter in _ESCAPES if "%" in text else ():
        text = text.replace(escape, letter)
    return text


def _decoded(text: str) -> Iterator[bytes]:
    """Piece by piece. Raises ValueError."""
    rest = b""
    for at in range(0, len(text), _PIECE_CHARS):
        letters = text[at : at + _PIECE_CHARS].encode("ascii")
        letters = rest + letters.translate(_OURS, _SPACE)
        if b"=" in letters:
            raise ValueError("padding within")
        whole = len(letters) // 4 * 4
        rest = letters[whole:]
        yield binascii.a2b_base64(letters[:whole], strict_mode=True)
    yield binascii.a2b_base64(rest + b"=" * (-len(rest) % 4), strict_mode=True)


def inspect_image(file: BinaryIO, max_pixels: int) -> ImageInfo:
    """Prove that ``file`` is one whole picture of at most ``max_pixels``.

    It is decoded in a child. The size is read from the header and judged before a pixel is decoded.

    Raises:
        InvalidRequest: no picture of a kind that is taken; too large; damaged; too slow to decode.
        Stopping, NoThreads: it was not looked at.
    """
    with _descriptor_of(file) as descriptor:
        if not os.fstat(descriptor).st_size:
            raise refused_picture("The picture is empty.")
        look = look_at_picture(descriptor, max_pixels)
    return ImageInfo(look.width, look.height, look.kind)


@contextmanager
def _descriptor_of(file: BinaryIO) -> Iterator[int]:
    """The file's own, or one of a copy in memory where it has none."""
    try:
        own: int | None = file.fileno()
    except UnsupportedOperation:
        own = None
    if own is not None:
        yield own
        return
    with os.fdopen(os.memfd_create("picture"), "w+b") as copy:
        file.seek(0)
        copy.write(file.read())
        copy.flush()
        yield copy.fileno()
