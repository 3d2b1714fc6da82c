"""Reads SubRip, WebVTT and ASS as people have them: in old alphabets, with overlaps, with markup.

What stays is text and times. Of ASS the styles stay too, and those tags that colour, place and move
a text: no drawings and no files within the file, for those cost a renderer without end.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

import pysubs2
from charset_normalizer import from_bytes
from pydantic import ValidationError

from common.base.errors import InvalidRequest
from studio.captions.cues import Cue, Transcript

MAX_BYTES = 2 * 1024**2
MAX_CUES = 20_000
MAX_CUE_CHARS = 2000
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_OLD = "cp1252"
"""What Windows wrote in Europe and Brazil: the guess for what is too short to be told."""
_TOLD_FROM = 256
"""Bytes: of less nobody tells one old alphabet from another."""
_TAG = re.compile(r"<[^<>\n]{0,200}>|\{[^{}\n]{0,2000}\}")
_NESTED = re.compile(r"\\[a-z]+\((?:[^()]|\([^()]*\)){0,500}\)")
"""A tag with brackets: animations, clips, moves. ``pos`` and ``fad`` are looked for first."""
_KEPT_TAG = re.compile(
    r"\\(?:(?:pos|fad)\([\d., -]{1,40}\)|fs\d{1,3}(?!\d)|(?:bord|shad)\d{1,2}(?:\.\d+)?(?!\d)"
    r"|fn[\w -]{1,64}|(?:b|i|u|s|an|k|kf|ko|K|q)\d{1,5}(?!\d)"
    r"|(?:[1-4]?[ca]|alpha)&H[0-9A-Fa-f]{1,8}&?)"
)
_BLOCK = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Captions:
    """What a file says."""

    cues: tuple[Cue, ...]
    """In order of time; of those with an end behind their beginning."""
    styled: "pysubs2.SSAFile | None" = None
    """Of ASS, with what is harmless of its tags."""
    encoding: str = "utf-8"
    skipped: int = 0
    """Cues without text, or that end before they begin."""
    overlaps: int = 0
    """Cues that begin before another one has ended."""

    @property
    def seconds(self) -> float:
        """When the last one ends."""
        return max((cue.end for cue in self.cues), default=0.0)


def read_captions(data: bytes) -> Captions:
    """Raises InvalidRequest: nothing that is known, too long, or without a single caption."""
    if len(data) > MAX_BYTES:
        raise InvalidRequest(
            f"The captions have {len(data) / 1e6:.1f} MB; {MAX_BYTES / 1e6:.1f} are allowed.",
            hint="A film of two hours has a tenth of that.",
        )
    text, encoding = _decoded(data)
    if text.lstrip().startswith("{"):
        return _of_words(text)
    parsed = _parsed(text)
    if len(parsed) > MAX_CUES:
        raise InvalidRequest(
            f"There are {len(parsed):,} captions; {MAX_CUES:,} are allowed.", hint="Send a part."
        )
    styled = _harmless(parsed) if parsed.format == "ass" else None
    cues = sorted(filter(None, map(_cue, parsed)), key=lambda cue: (cue.start, cue.end))
    if not cues:
        raise _nothing()
    overlaps = sum(after.start < cue.end for cue, after in pairwise(cues))
    return Captions(tuple(cues), styled, encoding, len(parsed) - len(cues), overlaps)


def _of_words(text: str) -> Captions:
    """What ``/transcribe`` wrote, with the time of each word."""
    try:
        cues = Transcript.model_validate_json(text).cues
    except ValidationError as exc:
        raise _nothing() from exc
    return Captions(cues)


def _decoded(data: bytes) -> tuple[str, str]:
    """By its mark, else UTF-8, else the alphabet that its letters make likely."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace"), encoding.removesuffix("-sig")
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        best = from_bytes(data).best() if len(data) >= _TOLD_FROM else None
    encoding = _OLD if best is None else best.encoding
    return data.decode(encoding, errors="replace"), encoding


def _parsed(text: str) -> pysubs2.SSAFile:
    head = text.lstrip("\ufeff").lstrip()[:64].lower()
    form = "vtt" if head.startswith("webvtt") else "ass" if head.startswith("[script") else "srt"
    try:
        return pysubs2.SSAFile.from_string(text.replace("\x00", ""), format_=form)
    except (pysubs2.Pysubs2Error, ValueError, ArithmeticError, LookupError) as exc:
        raise _nothing() from exc


def _cue(event: pysubs2.SSAEvent) -> Cue | None:
    text = _TAG.sub("", event.plaintext if event.type == "Dialogue" else "").strip()
    text = "".join(letter for letter in text if letter.isprintable() or letter == "\n")
    if not text or event.end <= event.start or event.start < 0:
        return None
    return Cue(start=event.start / 1000, end=event.end / 1000, text=text[:MAX_CUE_CHARS])


def _harmless(parsed: pysubs2.SSAFile) -> pysubs2.SSAFile:
    """Without embedded fonts and pictures, drawings, clips and whatever else is not listed."""
    kept = pysubs2.SSAFile()
    kept.styles = parsed.styles
    for name in ("PlayResX", "PlayResY", "WrapStyle", "ScaledBorderAndShadow"):
        if name in parsed.info:
            kept.info[name] = parsed.info[name]
    for event in parsed:
        if event.type == "Dialogue" and r"\p" not in event.text.replace(r"\pos", ""):
            event.text = _BLOCK.sub(_tags, event.text)[:MAX_CUE_CHARS]
            event.effect = ""
            kept.append(event)
    return kept


def _tags(block: re.Match[str]) -> str:
    whole = _NESTED.sub(lambda tag: tag[0] if _KEPT_TAG.fullmatch(tag[0]) else "", block[1])
    tags = "".join(_KEPT_TAG.findall(whole))
    return f"{{{tags}}}" if tags else ""


def _nothing() -> InvalidRequest:
    return InvalidRequest(
        "There is no caption in this file.",
        hint="Send SubRip (SRT), WebVTT or ASS, with times as in 00:00:01,500 --> 00:00:03,000.",
    )
