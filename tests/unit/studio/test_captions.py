"""Captions read and drawn: whatever people send, as text and times."""

import re

import pytest

from common.base.errors import InvalidRequest
from studio.captions.cues import Cue, Transcript, Word
from studio.captions.reading import MAX_CUES, read_captions
from studio.captions.style import Style
from studio.captions.styled import as_ass, escaped, moment, wrapped
from studio.captions.track import apart, as_srt

SRT = "1\n00:00:00,500 --> 00:00:01,500\nOlá, coração\n\n2\n00:00:02,000 --> 00:00:03,000\nTwo\n"


def texts(data: bytes) -> list[str]:
    return [cue.text for cue in read_captions(data).cues]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_any_alphabet_is_read(encoding: str) -> None:
    assert texts(SRT.encode(encoding))[0] == "Olá, coração"


def test_what_is_read_has_times() -> None:
    first, second = read_captions(SRT.encode()).cues
    assert (first.start, first.end, second.start) == (0.5, 1.5, 2.0)


def test_webvtt_is_read() -> None:
    text = "WEBVTT\n\nNOTE no caption\n\n00:01.000 --> 00:02.000 line:0\n<v Ann>Hi <i>there</i>\n"
    assert texts(text.encode()) == ["Hi there"]


def test_overlaps_are_told_and_backward_ones_skipped() -> None:
    lines = ["00:00:01,000 --> 00:00:03,000", "00:00:02,000 --> 00:00:04,000"]
    lines.append("00:00:06,000 --> 00:00:05,000")
    text = "\n".join(f"{n}\n{line}\nword\n" for n, line in enumerate(lines, 1))
    read = read_captions(text.encode())
    assert (len(read.cues), read.overlaps, read.skipped) == (2, 1, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"hello",
        b"{}",
        b"[Script Info]\n",
        b"WEBVTT\n",
        b"\xff\xfe\x00",
    ],
)
def test_what_holds_no_caption_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="no caption"):
        read_captions(data)


def test_too_many_are_refused() -> None:
    cue = "1\n00:00:00,000 --> 00:00:01,000\na\n\n"
    with pytest.raises(InvalidRequest, match="are allowed"):
        read_captions((cue * (MAX_CUES + 1)).encode())


def test_a_transcript_keeps_its_words() -> None:
    words = (Word(start=0, end=0.4, text="one"), Word(start=0.5, end=1, text="two"))
    told = Transcript(
        language="en", seconds=1, cues=(Cue(start=0, end=1, text="one two", words=words),)
    )
    assert read_captions(told.model_dump_json().encode()).cues == told.cues


ASS = """[Script Info]
PlayResX: 640
[Fonts]
fontname: evil.ttf
AAAA
[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, \
Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, \
Alignment, MarginL, MarginR, MarginV, Encoding
Style: Mine,Noto Sans,40,&H0000FFFF,&H0,&H0,&H0,0,0,0,0,100,100,0,0,1,2,0,2,10,10,10,1
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.00,0:00:01.00,Mine,,0,0,0,,{\\an8\\blur900\\t(0,9,\\fscx999)}top
Dialogue: 0,0:00:00.00,0:00:01.00,Mine,,0,0,0,,{\\p1}m 0 0 l 100 0
"""


def test_of_ass_the_styles_stay_and_nothing_that_is_costly() -> None:
    read = read_captions(ASS.encode())
    assert read.styled is not None
    text = read.styled.to_string("ass")
    assert "Noto Sans" in text
    assert r"{\an8}top" in text
    for costly in ("evil", "AAAA", "blur", "fscx", r"\t(", r"\p1"):
        assert costly not in text


def test_no_text_is_a_command() -> None:
    assert escaped(r"{\an8}a\Nb") == r"\{\⁠an8\}a\⁠Nb"
    assert escaped("a\nb") == r"a\Nb"


def test_moments_are_hundredths() -> None:
    assert moment(3661.239) == "1:01:01.24"
    assert moment(59.999) == "0:01:00.00"


def test_letters_without_spaces_break_where_the_line_ends() -> None:
    assert wrapped("漢字" * 6, 5) == "漢字漢字漢\n字漢字漢字\n漢字"
    assert wrapped("plain words stay", 2) == "plain words stay"


def test_each_word_has_its_colour_while_it_is_spoken() -> None:
    words = (Word(start=0.2, end=0.4, text="one"), Word(start=0.9, end=1.2, text="two"))
    cue = Cue(start=0.2, end=1.5, text="one two", words=words)
    lines = as_ass([cue], Style(karaoke="word"), 640, 360).splitlines()
    first, second = (line for line in lines if line.startswith("Dialogue"))
    assert first.startswith("Dialogue: 0,0:00:00.20,0:00:00.90")
    assert first.index("D4FF") < first.index("one") < first.index("two")
    assert second.index("one") < second.index("D4FF") < second.index("two")
    swept = as_ass([cue], Style(karaoke="sweep"), 640, 360)
    assert r"{\kf20}one {\k50}{\kf30}two" in swept


def test_what_was_heard_stands_there_as_it_was_written_two_lines_at_once() -> None:
    """Signs and all, however long the model's segment is; narrow pictures have shorter lines."""
    texts = [f"word{n:02}" for n in range(30)]
    words = tuple(Word(start=n, end=n + 1, text=text) for n, text in enumerate(texts))
    cue = Cue(start=0, end=30, text=", ".join(texts) + ".", words=words)
    for size, most in (((1280, 720), 42), ((720, 1280), 17)):
        lines = as_ass([cue], Style(karaoke="word"), *size).splitlines()
        shown = [line.split(",,", 2)[2] for line in lines if line.startswith("Dialogue")]
        plain = [re.sub(r"\{.*?\}", "", text).split(r"\N") for text in shown]
        assert len(shown) == 30
        assert max(len(parts) for parts in plain) == 2
        assert max(len(part) for parts in plain for part in parts) <= most
        once = dict.fromkeys(map(tuple, plain))
        assert " ".join(part.strip() for parts in once for part in parts) == cue.text


def test_a_track_holds_one_at_a_time() -> None:
    cues = [
        Cue(start=0, end=3, text="a"),
        Cue(start=1, end=2, text="b"),
        Cue(start=1, end=4, text="c"),
    ]
    assert [(cue.text, cue.end) for cue in apart(cues)] == [("a", 1), ("c", 4)]
    assert as_srt(cues[:1]) == "1\n00:00:00,000 --> 00:00:03,000\na\n"
    assert apart([]) == []
