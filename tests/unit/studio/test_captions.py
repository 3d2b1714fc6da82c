"""Captions read and drawn: whatever people send, as text and times."""

import re
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest

from common.base.errors import InvalidRequest
from studio.bounds import Bounds
from studio.captions.cues import Cue, Transcript, Word
from studio.captions.reading import MAX_BYTES, MAX_CUES, MAX_WORDS, read_captions
from studio.captions.style import Style
from studio.captions.styled import as_ass, escaped, moment, wrapped
from studio.captions.track import apart, as_srt
from studio.looking import look_at
from studio.sources import CAPTIONS

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


def transcript(cues: Iterable[Cue]) -> bytes:
    """As ``/transcribe`` writes it."""
    told = Transcript(language="en", seconds=1, cues=tuple(cues))
    return told.model_dump_json(indent=1).encode()


def test_the_transcript_of_a_long_talk_can_be_captions(tmp_path: Path) -> None:
    words = [
        Word(start=n / 4, end=n / 4 + 0.2, text="spoken", probability=0.9876) for n in range(9)
    ]
    cue = Cue(start=0, end=2.2, text=" ".join(["spoken"] * 9), words=tuple(words))
    talk = tmp_path / "words.json"
    talk.write_bytes(transcript([cue] * 2000))
    bounds = Bounds(10 * MAX_BYTES, max_pixels=1, max_picture_pixels=1, max_seconds=1)
    with talk.open("rb") as file:
        facts = look_at(file, CAPTIONS, bounds)
    assert talk.stat().st_size > MAX_BYTES
    assert (facts.cues, facts.seconds) == (2000, 2.2)
    with pytest.raises(InvalidRequest, match=r"more than 2\.1 MB"):
        read_captions(SRT.encode() + b" " * MAX_BYTES)
    with pytest.raises(InvalidRequest, match=r"more than 16\.8 MB"):
        read_captions(b"{" + b" " * 8 * MAX_BYTES)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (b"NaN", "no caption"),
        (b"-1e999", "no caption"),
        (b"-1", "words of caption 1 are not in the order"),
        (b"1e300", "words of caption 1 are not in the order"),
        (b"0.75", "words of caption 1 are not in the order"),
    ],
)
def test_times_of_a_transcript_are_judged(changed: bytes, words: str) -> None:
    """What stands at 0.25: the start of the only caption, and of its first word."""
    said = tuple(Word(start=n, end=n + 0.2, text="a") for n in (0.25, 0.5))
    sent = transcript([Cue(start=0.25, end=1, text="a a", words=said)])
    assert len(read_captions(sent).cues) == 1
    with pytest.raises(InvalidRequest, match=words):
        read_captions(sent.replace(b"0.25", changed))


def test_a_transcript_is_in_order_and_no_longer_than_others() -> None:
    cue = Cue(start=0, end=1, text="a")
    late, empty = cue.model_copy(update={"start": 0.5}), cue.model_copy(update={"text": " "})
    read = read_captions(transcript([late, cue, empty]))
    assert (read.cues, read.skipped, read.overlaps) == ((cue, late), 1, 1)
    with pytest.raises(InvalidRequest, match="20,001 captions"):
        read_captions(transcript([cue] * (MAX_CUES + 1)))
    with pytest.raises(InvalidRequest, match="more than 120,000 words"):
        read_captions(b'{"cues": [' + b"{}," * 4 * MAX_WORDS + b"{}]}")


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


def tags(block: str) -> str:
    """Those that are left of a block."""
    read = read_captions(ASS.replace(r"\an8\blur900\t(0,9,\fscx999)", block).encode())
    assert read.styled is not None
    return re.sub(r"top$", "", read.styled[0].text)


@pytest.mark.parametrize(
    "block",
    [
        r"{\move(1,2,30,40,0,500)}",
        r"{\r}",
        r"{\rMine}",
        r"{\i}",
        r"{\b\u\s\c\3c\2a\alpha\fs\fn\bord\shad}",
        r"{\i1\r\b700}",
    ],
)
def test_tags_that_move_a_text_and_those_that_end_another_stay(block: str) -> None:
    assert tags(block[1:-1]) == block


def test_no_other_tag_passes_behind_one_that_is_kept() -> None:
    """Names that begin like it, brackets within brackets, and what is cut off."""
    kept = (r"\i", r"\r", r"\c", r"\fs", r"\rMine", r"\move(1,2,3,4)", r"\b1")
    begin = (r"\be9", r"\fscx9", r"\fsp9", r"\frz9", r"\blur9", r"\fad", r"\shadx", r"\alphax")
    bracketed = (r"\iclip(1,2,3,4)", r"\clip(m 0 0)", r"\t(\r\i)", r"\org(1,2)", r"\move(1")
    other = (*begin, *bracketed, r"\move(1,\t(2))")
    for first, second, third in product(kept, other, kept):
        assert tags(first + second + third) == f"{{{first}{third}}}"


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
    cues = [Cue(start=0, end=3, text="a"), Cue(start=1, end=4, text="b")]
    assert [(cue.text, cue.end) for cue in apart(cues)] == [("a", 1), ("b", 4)]
    assert as_srt(cues[:1]) == "1\n00:00:00,000 --> 00:00:03,000\na\n"
    assert apart([]) == []


def test_of_captions_that_begin_together_none_is_lost() -> None:
    """Two languages, two speakers; what has no time of its own; the same text again."""
    cues = [
        Cue(start=0, end=1, text="one\ntwo"),
        Cue(start=0, end=2, text="um"),
        Cue(start=2, end=2, text="gone"),
        Cue(start=2.1, end=4, text="b"),
        Cue(start=2.2, end=4, text="b"),
        Cue(start=3, end=3.1, text="short"),
        Cue(start=3.1, end=3.1, text="last"),
    ]
    shown = apart(cues)
    assert [(cue.start, cue.end, cue.text) for cue in shown] == [
        (0, 2, "one\ntwo\num"),
        (2, 3, "gone\nb"),
        (3, 3.1, "short"),
        (3.1, 3.35, "last"),
    ]
