"""The archive of clips: which files it has, with which captions. Untrusted bytes."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from pydantic_core import from_json

from common.base.errors import InvalidRequest
from common.media.packed import Contents, Packed

VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm"})
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".heic", ".bmp"})
CAPTIONS = ".txt"
METADATA = "metadata.jsonl"
"""Captions of all files in one, as folders of the Hub have them: ``file_name`` and ``text``."""
MAX_CAPTION_BYTES = 8 * 1024
MAX_METADATA_BYTES = 1024 * 1024
_HINT = "A caption lies beside its clip: one.mp4 and one.txt; or all are in metadata.jsonl."
_CONTENTS = Contents(
    field="clips",
    endings={CAPTIONS, *VIDEOS, *PICTURES},
    other="is neither a video, a picture nor a caption",
    names={METADATA},
    hint=_HINT,
)


@dataclass(frozen=True)
class Clip:
    """A video or a picture of the archive, by its name there, and what is said of it."""

    name: str
    caption: str

    @property
    def moves(self) -> bool:
        """Whether it is a video."""
        return PurePosixPath(self.name).suffix.lower() in VIDEOS


class Archive:
    """An open one whose files' names are good."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        """Read the directory. ``max_bytes`` is the most that a clip may have.

        Raises:
            InvalidRequest: no archive, or one with something that must not be in it; by name.
        """
        self._packed = Packed(file, _CONTENTS)
        self._max_bytes = max_bytes

    def clips(self) -> tuple[Clip, ...]:
        """All of them, by name.

        Raises:
            InvalidRequest: there are none, one has no caption, or a caption has no clip.
        """
        kinds = {name: PurePosixPath(name).suffix.lower() for name in self._packed.names}
        shown = sorted(name for name, kind in kinds.items() if kind in VIDEOS | PICTURES)
        if not shown:
            raise refused("clips has no video and no picture.", _HINT)
        captions = self._captions()
        for name in shown:
            if not captions.get(name, "").strip():
                raise refused(f"clips: {name} has no caption.", _HINT)
        return tuple(Clip(name, captions[name].strip()) for name in shown)

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """A clip as a file in memory. Raises InvalidRequest: too large, or damaged."""
        with os.fdopen(os.memfd_create("clip"), "w+b") as copy:
            for piece in self._packed.read(name, self._max_bytes):
                copy.write(piece)
            copy.flush()
            copy.seek(0)
            yield copy

    def _captions(self) -> dict[str, str]:
        found = dict(self._metadata())
        for name in self._packed.names:
            if PurePosixPath(name).suffix.lower() == CAPTIONS:
                text = self._text(name, MAX_CAPTION_BYTES)
                for clip in self._beside(name):
                    found[clip] = text
        return found

    def _beside(self, caption: str) -> list[str]:
        stem = PurePosixPath(caption).with_suffix("")
        return [
            name
            for name in self._packed.names
            if PurePosixPath(name).with_suffix("") == stem
            and PurePosixPath(name).suffix.lower() in VIDEOS | PICTURES
        ]

    def _metadata(self) -> Mapping[str, str]:
        found = {}
        for name in (each for each in self._packed.names if PurePosixPath(each).name == METADATA):
            folder = PurePosixPath(name).parent
            for line in self._text(name, MAX_METADATA_BYTES).split("\n"):
                if line.strip():
                    clip, caption = _line(name, line)
                    found[str(folder / clip)] = caption
        return found

    def _text(self, name: str, most: int) -> str:
        try:
            return b"".join(self._packed.read(name, most)).decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            raise refused(f"clips: {name} is not in UTF-8.") from exc


def refused(message: str, hint: str | None = None) -> InvalidRequest:
    """Of the archive, by its field."""
    return _CONTENTS.refused(message, hint)


def _line(name: str, line: str) -> tuple[str, str]:
    try:
        match from_json(line):  # stricter than Python's: no half of a surrogate pair
            case {"file_name": str(clip), "text": str(caption)}:
                return clip, caption
    except ValueError:
        pass
    raise refused(f'clips: a line of {name} is not {{"file_name": ..., "text": ...}}.')
