"""Reads SubRip, WebVTT and ASS as people have them: in old alphabets, with overlaps, with markup.

What stays is text and times. Of ASS the styles stay too, and those tags that colour, place and move
a text: no drawings and no files within the file, for those cost a renderer without end.
"""

import re
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from itertools import pairwise

import pysubs2
from charset_normalizer import from_bytes
from pydantic import ValidationError

from common.base.errors import InvalidRequest
from studio.captions.cues import Cue, Transcript

MAX_BYTES = 2 * 1024**2
MAX_TRANSCRIPT_BYTES = 16 * 1024**2
"""Of one with the time of each word: 133 bytes a word, as we write it."""
MAX_WORDS = 120_000
"""Four hours of eight in a second. Read, a word takes 1 kB of memory."""
_SIGNS_A_WORD = 8
"""Braces, brackets and commas of JSON: five, and some for the captions that words are in."""
MAX_CUES = 20_000
MAX_CUE_CHARS = 2000
_LAST_SECOND = 360_000.0
"""SubRip counts up to 99 hours."""
_UTF8_MARK = b"\xef\xbb\xbf"
_MARKS = ((_UTF8_MARK, "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_OLD = "cp1252"
"""What Windows wrote in Europe and Brazil: the guess for what is too short to be told."""
_TOLD_FROM = 256
"""Bytes: of less nobody tells one old alphabet from another."""
_TAG = re.compile(r"<[^<>\n]{0,200}>|\{[^{}\n]{0,2000}\}")
_NESTED = re.compile(r"\\[a-z]+\((?:[^()]|\([^()]*\)){0,500}\)")
"""A tag with brackets: animations, clips, moves. Those that are kept are looked for first."""
_KEPT_TAG = re.compile(
    r"\\(?:(?:pos|fad|move)\([\d., -]{1,60}\)|fs\d{1,3}(?!\d)"
    r"|(?:bord|shad)\d{1,2}(?:\.\d+)?(?!\d)"
    r"|fn[\w -]{1,64}|(?:b|i|u|s|an|k|kf|ko|K|q)\d{1,5}(?!\d)"
    r"|(?:[1-4]?[ca]|alpha)&H[0-9A-Fa-f]{1,8}&?"
    r"|r(?:[\w .+-]{1,64}(?=\\|$))?"  # back to the style, or to another one
    r"|(?:[bius]|[1-4]?c|[1-4]a|alpha|fs|fn|bord|shad)(?=\s*(?:\\|$)))"  # to the style's own
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
    """``data`` may end behind MAX_TRANSCRIPT_BYTES and a byte more.

    Raises:
        InvalidRequest: nothing that is known, too long, or without a single caption.
    """
    told = data.removeprefix(_UTF8_MARK).lstrip()
    if told.startswith(b"{"):
        return _of_transcript(told)
    _check_size(data, MAX_BYTES, "A film of two hours has a tenth of that.")
    text, encoding = _decoded(data)
    parsed = _parsed(text)
    _check_number(parsed)
    styled = _harmless(parsed) if parsed.format == "ass" else None
    return _in_order([_cue(event) for event in parsed], styled, encoding)


def _of_transcript(data: bytes) -> Captions:
    """What ``/transcribe`` wrote, with the time of each word."""
    _check_size(data, MAX_TRANSCRIPT_BYTES, "A talk of four hours has half of that.")
    if sum(map(data.count, (b"{", b"[", b","))) > _SIGNS_A_WORD * MAX_WORDS:
        raise InvalidRequest(
            f"There are more than {MAX_WORDS:,} words in these captions.", hint="Send a part."
        )
    try:
        cues = Transcript.model_validate_json(data).cues
    except ValidationError as exc:
        raise _nothing() from exc
    _check_number(cues)
    for number, cue in enumerate(cues, 1):
        spans = [moment for word in cue.words for moment in (word.start, word.end)]
        if (times := [0.0, *spans, _LAST_SECOND]) != sorted(times):
            raise InvalidRequest(
                f"The words of caption {number} are not in the order of their times.",
                hint="Put their starts and ends right, or send SubRip.",
            )
    return _in_order([cue if cue.text.strip() else None for cue in cues])


def _in_order(
    read: Sequence[Cue | None], styled: "pysubs2.SSAFile | None" = None, encoding: str = "utf-8"
) -> Captions:
    """Those that are seen, by time."""
    seen = [cue for cue in read if cue is not None and 0 <= cue.start < cue.end <= _LAST_SECOND]
    cues = sorted(seen, key=lambda cue: (cue.start, cue.end))
    if not cues:
        raise _nothing()
    overlaps = sum(after.start < cue.end for cue, after in pairwise(cues))
    return Captions(tuple(cues), styled, encoding, len(read) - len(cues), overlaps)


def _check_size(data: bytes, most: int, hint: str) -> None:
    if len(data) > most:
        raise InvalidRequest(
            f"The captions have more than {most / 1e6:.1f} MB, which is what is allowed.", hint=hint
        )


def _check_number(captions: Sized) -> None:
    if len(captions) > MAX_CUES:
        raise InvalidRequest(
            f"There are {len(captions):,} captions; {MAX_CUES:,} are allowed.", hint="Send a part."
        )


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
    if not text:
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
