"""The pictures of a request, in its body or in a ZIP; ``frames`` has those of finished videos."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from common.base.errors import InvalidRequest
from common.base.settings import MIB
from common.media.packed import Contents, Packed
from studio.bounds import Bounds
from studio.looking import look_at
from studio.operations.film.asked import IMAGES
from studio.sources import SHOWN, Facts
from studio.variants import LIMITS

_CONTENTS = Contents(
    field=IMAGES,
    endings=frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".heic", ".bmp"}),
    other="is no picture",
    hint="Pack PNG, JPEG, WebP, GIF, AVIF, HEIC or BMP files, and nothing else.",
)
_NUMBER = re.compile(r"(\d+)")
MAX_PICTURE_BYTES = 64 * MIB
"""Of one in a ZIP: it is looked at in memory, and a few at once."""


@dataclass(frozen=True)
class PackedPicture:
    """A file of the ZIP."""

    archive: Packed
    name: str

    def looked_at(self, bounds: Bounds) -> tuple[BinaryIO, Facts]:
        """The file, and what it is. Raises InvalidRequest, naming it."""
        data = b"".join(self.archive.read(self.name, MAX_PICTURE_BYTES))
        try:
            facts = look_at_picture(data, bounds)
        except InvalidRequest as exc:
            raise _CONTENTS.refused(
                f"{IMAGES}: {self.name}: {exc.body.message}", exc.body.hint
            ) from exc
        return self.archive.opened(self.name), facts


def packed_pictures(file: BinaryIO, bounds: Bounds) -> Sequence[PackedPicture]:
    """Those of a ZIP, by name: 2.png comes before 10.png.

    Raises:
        InvalidRequest: it is none, has something else in it, too many, too much, or nothing.
    """
    archive = Packed(file, _CONTENTS)
    if len(archive.names) > LIMITS.max_pictures:
        raise _CONTENTS.refused(
            f"{IMAGES} has {len(archive.names)} pictures; {LIMITS.max_pictures} are allowed.",
            "Make the film in parts.",
        )
    if not archive.names:
        raise _CONTENTS.refused(f"{IMAGES} has no picture.", _CONTENTS.hint)
    if sum(map(archive.bytes_of, archive.names)) > bounds.max_bytes:
        raise _CONTENTS.refused(
            f"{IMAGES} unpacks to more than {bounds.max_bytes / 1e6:,.0f} MB.",
            "Send smaller pictures, or JPEGs. FETCH_MAX_MB sets the limit.",
        )
    return [PackedPicture(archive, name) for name in sorted(archive.names, key=_by_numbers)]


def _by_numbers(name: str) -> list[tuple[int, str]]:
    """Text and numbers take turns, so that like is compared with like."""
    parts = _NUMBER.split(name.casefold())
    return [(int(part[:18]) if at % 2 else 0, part) for at, part in enumerate(parts)]


def look_at_picture(data: bytes, bounds: Bounds) -> Facts:
    """What a file in memory is. Raises what ``look_at`` does."""
    with os.fdopen(os.memfd_create("picture"), "w+b") as file:
        file.write(data)
        file.flush()
        return look_at(file, SHOWN, bounds)
