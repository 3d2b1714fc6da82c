"""Writes captions: SubRip, WebVTT, and karaoke as Advanced SubStation Alpha.

A cue's text is what people read; signs that mean something to a format are escaped here. Times are
rounded to the format's own parts of a second so that no two cues overlap.
"""

from collections.abc import Iterable

from studio.captions.cues import Cue
from studio.captions.timing import rounded, screens

_MILLISECONDS, _CENTISECONDS = 1000, 100

_ASS_HEAD = """\
[Script Info]
ScriptType: v4.00+
PlayResX: 1920
PlayResY: 1080
ScaledBorderAndShadow: yes
WrapStyle: 2

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, \
Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, \
Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,DejaVu Sans,64,&H0000D7FF,&H00FFFFFF,&H00000000,&H80000000,\
-1,0,0,0,100,100,0,0,1,4,0,2,96,96,80,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
"""White words that turn amber (BGR: 00D7FF) as they are spoken, at the bottom of a frame."""
_ASS_ESCAPES = str.maketrans({"\\": "\\\u2060", "{": r"\{", "}": r"\}", "\n": r"\N"})
"""As libass reads them. A word joiner behind a backslash keeps ``\\N`` from being a line break."""
_VTT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def srt(cues: Iterable[Cue]) -> str:
    """SubRip."""
    return "\n".join(
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{cue.text.replace('-->', '→')}\n"
        for number, (start, end, cue) in enumerate(rounded(screens(cues), _MILLISECONDS), 1)
    )


def vtt(cues: Iterable[Cue]) -> str:
    """WebVTT."""
    blocks = (
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n{cue.text.translate(_VTT_ESCAPES)}\n"
        for start, end, cue in rounded(screens(cues), _MILLISECONDS)
    )
    return "\n".join(["WEBVTT\n", *blocks])


def karaoke(cues: Iterable[Cue]) -> str:
    """ASS in which each word fills with colour while it is spoken."""
    events = (
        f"Dialogue: 0,{_ass_clock(start)},{_ass_clock(end)},Default,,0,0,0,,"
        f"{_syllables(cue, start, end)}\n"
        for start, end, cue in rounded(screens(cues), _CENTISECONDS)
    )
    return _ASS_HEAD + "".join(events)


def _syllables(cue: Cue, start: int, end: int) -> str:
    r"""``{\kf30}word``; a pause is an empty one, and all begin where they should: none drifts."""
    text, now = "", start
    for word in cue.words:
        begin = min(max(now, round(word.start * _CENTISECONDS)), end)
        until = min(max(begin, round(word.end * _CENTISECONDS)), end)
        pause = f"{{\\k{begin - now}}}" if begin > now else ""
        text += f"{pause}{{\\kf{until - begin}}}{word.text.translate(_ASS_ESCAPES)}"
        now = until
    return text


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, _MILLISECONDS)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


def _ass_clock(centiseconds: int) -> str:
    seconds, rest = divmod(centiseconds, _CENTISECONDS)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:02}"
