"""JPEG: the stream for the decoder, its profile, its EXIF. ITU-T T.81, annex B."""

import re

from common.media.pictures.refused import Refused, Why
from common.media.pictures.source import Kept, Source

MAX_SCANS = 100
"""Each scan of a progressive JPEG passes over the whole picture. Encoders write about ten."""

_START_BYTES = 2
_EXIF, _PROFILE, _ADOBE = 0xE1, 0xE2, 0xEE
_NOTES = frozenset({*range(0xE1, 0xF0), 0xFE}) - {_ADOBE}
"""What applications write, and comments. Adobe's says how the colours are coded."""
_SCAN, _END = 0xDA, 0xD9
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The next marker within coded data: zeros are stuffing, the others restarts."""
_IS_EXIF = b"Exif\0\0"
_IS_PROFILE = b"ICC_PROFILE\0"


def read_jpeg(data: bytes) -> Source:
    """Take a JPEG apart; what stands behind its end is left out, as are all notes.

    Raises:
        Refused: it has over a hundred scans.
    """
    reader = _Reader(data)
    reader.read()
    return Source(reader.kept.joined(), reader.profile(), reader.exif)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.kept = Kept(data)
        self.kept.add(0, _START_BYTES)
        self.exif = b""
        self._data = data
        self._pieces: dict[int, bytes] = {}
        self._piece_count = 0
        self._scans = 0

    def read(self) -> None:
        at = self._data.find(b"\xff", _START_BYTES)
        while 0 <= at < len(self._data) - 1:
            marker = self._data[at + 1]
            if marker == _END:
                self.kept.add(at, at + 2)
                return
            # Bytes that belong to nothing are skipped, as decoders do.
            at = self._data.find(b"\xff", self._segment(at, marker))

    def _segment(self, at: int, marker: int) -> int:
        """Keep or note what begins at ``at``; answer where it ends."""
        if marker in (0x00, 0xFF):
            return at + 1
        if marker in _ALONE:
            return at + 2
        end = at + 2 + int.from_bytes(self._data[at + 2 : at + 4], "big")
        if marker in _NOTES:
            self._note(marker, self._data[at + 4 : end])
            return end
        if marker == _SCAN:
            self._count_scan()
            found = _MARKER.search(self._data, end)
            end = found.start() if found else len(self._data)
        self.kept.add(at, end)
        return end

    def _count_scan(self) -> None:
        self._scans += 1
        if self._scans > MAX_SCANS:
            raise Refused(Why.SCANS)

    def _note(self, marker: int, text: bytes) -> None:
        if marker == _EXIF and text.startswith(_IS_EXIF) and not self.exif:
            self.exif = text[len(_IS_EXIF) :]
        elif marker == _PROFILE and text.startswith(_IS_PROFILE) and len(text) > 14:
            number, self._piece_count = text[12:14]
            self._pieces.setdefault(number, text[14:])

    def profile(self) -> bytes | None:
        """The whole profile; None where a piece of it is missing."""
        numbers = range(1, self._piece_count + 1)
        if not numbers or not self._pieces.keys() >= set(numbers):
            return None
        return b"".join(self._pieces[number] for number in numbers)
