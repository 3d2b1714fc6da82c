"""Cues as ASS, for ``libass`` to draw: pure functions. Times have hundredths of a second there."""

import unicodedata
from collections.abc import Iterator, Sequence

from studio.captions.cues import Cue, Word
from studio.captions.style import Style
from studio.captions.timing import LINE_CHARS, spoken_screens

_PLACES = {"bottom": 2, "middle": 5, "top": 8}
"""By the digits of a keyboard's block, as ASS has it."""
_WIDE = ("W", "F")
_NARROW_EM, _WIDE_EM = 0.55, 1.0
"""Widths of letters in parts of their height; of Latin ones the mean of Noto Sans Bold."""
_JOINER = "\u2060"
"""Has no width. Behind a backslash it keeps the next letter from making a command of it."""


def as_ass(cues: Sequence[Cue], style: Style, width: int, height: int) -> str:
    """A whole file for pictures of this size."""
    _, side = style.margins(width, height)
    room = (width - 2 * side) / (height * style.size / 100)
    chars = max(1, min(LINE_CHARS, int(room / _NARROW_EM)))
    shown = spoken_screens(cues, chars)
    lines = [line for cue in shown for line in _events(cue, style, room)]
    return "\n".join([_head(style, width, height), *lines, ""])


def escaped(text: str) -> str:
    """Text in which nothing is a command: no tag, no line break but our own."""
    text = text.replace("\\", "\\" + _JOINER).replace("{", r"\{").replace("}", r"\}")
    return text.replace("\r", "").replace("\n", r"\N")


def moment(seconds: float) -> str:
    """``h:mm:ss.cc``."""
    hundredths = max(0, round(seconds * 100))
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes // 60}:{minutes % 60:02}:{rest // 100:02}.{rest % 100:02}"


def wrapped(text: str, most_em: float) -> str:
    """Lines of at most ``most_em`` times the letters' height, broken between any wide letters.

    The renderer breaks at spaces only; Chinese and Japanese have none.
    """
    if not any(unicodedata.east_asian_width(letter) in _WIDE for letter in text):
        return text
    return "\n".join(part for line in text.split("\n") for part in _broken(line, most_em))


def _broken(line: str, most_em: float) -> Iterator[str]:
    part, length = "", 0.0
    for letter in line:
        em = _WIDE_EM if unicodedata.east_asian_width(letter) in _WIDE else _NARROW_EM
        if part and length + em > most_em:
            yield part
            part, length = "", 0.0
        part, length = part + letter, length + em
    yield part


def _head(style: Style, width: int, height: int) -> str:
    edge, side = style.margins(width, height)
    size = max(1.0, height * style.size / 100)
    outline = height * style.outline / 100
    sung, unsung = _colour(style.colour), _colour(style.colour)
    if style.karaoke == "sweep":
        sung = _colour(style.highlight)
    values = [
        *("Default", style.font, f"{size:.2f}", sung, unsung),
        *(_colour(style.outline_colour), _colour(style.outline_colour)),
        *("-1" if style.bold else "0", "0", "0", "0", "100", "100", "0", "0"),
        *("3" if style.box else "1", f"{outline:.2f}", "0", str(_PLACES[style.place])),
        *(str(side), str(side), str(edge), "1"),
    ]
    return (
        "[Script Info]\nScriptType: v4.00+\n"
        f"PlayResX: {width}\nPlayResY: {height}\nWrapStyle: 0\nScaledBorderAndShadow: yes\n"
        "\n[V4+ Styles]\n"
        "Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour,"
        " BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle,"
        " BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\n"
        f"Style: {','.join(values)}\n"
        "\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"
    )


def _colour(colour: str) -> str:
    """From ``#rrggbb`` to ``&H00bbggrr``."""
    return f"&H00{colour[5:7]}{colour[3:5]}{colour[1:3]}".upper()


def _events(cue: Cue, style: Style, room: float) -> Iterator[str]:
    if style.karaoke == "none" or not cue.words:
        yield _event(cue.start, cue.end, escaped(wrapped(cue.text, room)))
    elif style.karaoke == "sweep":
        yield _event(cue.start, cue.end, "".join(_swept(cue)))
    else:
        yield from _word_by_word(cue, style)


def _event(start: float, end: float, text: str) -> str:
    return f"Dialogue: 0,{moment(start)},{moment(end)},Default,,0,0,0,,{text}"


def _swept(cue: Cue) -> Iterator[str]:
    """Each word fills with colour while it is spoken; a pause before it colours nothing."""
    at = cue.start
    for word in cue.words:
        if word.start > at:
            yield f"{{\\k{round((word.start - at) * 100)}}}"
        yield f"{{\\kf{max(1, round((word.end - max(at, word.start)) * 100))}}}"
        yield escaped(word.text)
        at = max(at, word.end)


def _word_by_word(cue: Cue, style: Style) -> Iterator[str]:
    """The whole cue, again for each word, which has a colour of its own until the next begins."""
    starts = [cue.start, *(word.start for word in cue.words[1:])]
    ends = [*starts[1:], cue.end]
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if end > start:
            yield _event(start, end, _marked(cue.words, index, style))


def _marked(words: Sequence[Word], index: int, style: Style) -> str:
    mark, back = (rf"{{\c{_colour(colour)}&}}" for colour in (style.highlight, style.colour))
    return "".join(
        f"{mark}{escaped(word.text)}{back}" if at == index else escaped(word.text)
        for at, word in enumerate(words)
    )
