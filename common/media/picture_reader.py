"""Reads pictures from clients in a child process that may do very little.

Decoders are large, old and written in C; what they meet here was made by strangers. So neither the
API nor a worker decodes: the child does, and gives back a line of text or plain pixels.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.base.bounded_child import Bounds, Ended, Ending, module_command, run_bounded
from common.base.errors import InvalidRequest
from common.media.pictures.refused import Why

log = logging.getLogger("videosdgx.pictures")

SECONDS = 30.0
CPU_SECONDS = 20
"""Of 50 million pixels the slowest took 1.7 s to look at (WebP) and 3.5 s to show (CMYK with a
printer's profile), on two shared cores."""
_BASE_BYTES = 768 * 1024**2
_BYTES_PER_PIXEL = 24
"""Of address space: decoded twice over, and what the decoder itself keeps."""
_LINE_BYTES = 64 * 1024
_RGB = 3

TAKEN = "Send a PNG, JPEG, WebP, GIF, AVIF, HEIC or BMP picture."
_HINTS = {
    "video": "This is a video. Send it as the upload video, where the model continues videos.",
    "PDF": "Save the page as PNG or JPEG.",
}


@dataclass(frozen=True)
class Pixels:
    """A picture, as a browser shows it: ``rgb`` has eight bits a sample, row by row."""

    width: int
    height: int
    rgb: bytes


@dataclass(frozen=True)
class Look:
    """What a picture is: its kind in small letters, its size as a browser shows it."""

    kind: str
    width: int
    height: int


def look_at_picture(file: int, max_pixels: int) -> Look:
    """Prove that a file is one whole picture.

    Args:
        file: descriptor of a regular file. Its place moves.
        max_pixels: larger is refused by its header, before a pixel is decoded.

    Raises:
        InvalidRequest: it is no picture, of a kind that is not taken, too large, damaged, or takes
            too long.
        Stopping, NoThreads: as ``run_bounded``.
    """
    answer, _ = _ask("look", file, max_pixels, _LINE_BYTES)
    return Look(answer["kind"].lower(), answer["width"], answer["height"])


def read_picture(file: int, max_pixels: int, ground: str = "white") -> Pixels:
    """The pixels of a file, as a browser shows them. Raises what ``look_at_picture`` does.

    ``ground`` is the colour that lies behind what can be seen through, by its name.
    """
    answer, rgb = _ask("show", file, max_pixels, _LINE_BYTES + _RGB * max_pixels, ground)
    return Pixels(answer["width"], answer["height"], rgb)


def _ask(
    task: str, file: int, max_pixels: int, output_bytes: int, *more: str
) -> tuple[Mapping[str, Any], bytes]:
    os.lseek(file, 0, os.SEEK_SET)  # the child shares our place in the file
    address_bytes = _BASE_BYTES + _BYTES_PER_PIXEL * max_pixels
    bounds = Bounds(SECONDS, CPU_SECONDS, address_bytes, output_bytes)
    command = module_command("common.media.pictures.child", task, str(max_pixels), *more)
    return answer_of(run_bounded(command, stdin=file, bounds=bounds), max_pixels)


def answer_of(ended: Ended, max_pixels: int) -> tuple[Mapping[str, Any], bytes]:
    """What a child said, and what it wrote behind that.

    Raises:
        InvalidRequest: it refused the picture, or the picture was too much for it.
        RuntimeError: it did not run; its words are in it.
    """
    line, _, rest = ended.output.partition(b"\n")
    answer: dict[str, Any] = json.loads(line) if ended.status == 0 else _unanswered(ended)
    if "refused" in answer:
        if ended.words:
            log.warning("a picture broke its decoder", extra={"reason": ended.words[-2000:]})
        raise _refused(Why(answer["refused"]), answer["kind"], max_pixels)
    return answer, rest


def _unanswered(ended: Ended) -> dict[str, Any]:
    if ended.ending in (Ending.LATE, Ending.KILLED):
        return {"refused": Why.COSTLY, "kind": ""}
    if ended.status < 0:
        log.warning("a picture killed its decoder", extra={"status": ended.status})
        return {"refused": Why.DAMAGED, "kind": ""}
    raise RuntimeError(f"the decoder of pictures does not run: {ended.words[-2000:]}")


def _refused(why: Why, kind: str, max_pixels: int) -> InvalidRequest:
    message, hint = {
        Why.UNKNOWN: _unknown(kind),
        Why.TOO_LARGE: (
            f"The picture has more than {max_pixels:,} pixels.",
            "Send it scaled down: models need less. MAX_IMAGE_PIXELS sets the limit.",
        ),
        Why.SCANS: (
            "The JPEG has more than 100 scans.",
            "Save it anew: a JPEG has one scan, or about ten where it is progressive.",
        ),
        Why.DAMAGED: ("The picture is damaged or incomplete.", "Save it anew, and send that."),
        Why.COSTLY: (
            f"The picture cannot be decoded within {CPU_SECONDS} seconds.",
            "Send it smaller, or saved anew as JPEG.",
        ),
    }[why]
    return refused_picture(message, hint)


def _unknown(kind: str) -> tuple[str, str]:
    if not kind:
        return "This is not a picture in a known format.", TAKEN
    hint = _HINTS.get(kind, "Save it as PNG or JPEG, and send that.")
    return f"The picture is a {kind} file, which is not taken.", hint


def refused_picture(message: str, hint: str = TAKEN) -> InvalidRequest:
    """What a client is told of its picture."""
    return InvalidRequest(message, param="image", hint=hint)
