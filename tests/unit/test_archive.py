"""Archives of clips from strangers: what is wrong is named, and nothing else is read."""

import json
import random
import struct
import zipfile
from io import BytesIO

import pytest

from common.base.errors import InvalidRequest
from trainer.archive import MAX_CAPTION_BYTES, Archive

MOST = 1000
CLIP = b"not looked at here"
HALF_A_SIGN = rb'{"file_name": "a.mp4", "text": "a kite \ud83d"}'
"""Half of a pair of surrogates: no UTF-8 can say it, so that it could not be stored."""


def packed(*files: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> BytesIO:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return file


def read_all(file: BytesIO) -> None:
    archive = Archive(file, MOST)
    for clip in archive.clips():
        with archive.opened(clip.name):
            pass


def refusal(file: BytesIO) -> str:
    with pytest.raises(InvalidRequest) as caught:
        read_all(file)
    assert caught.value.body.param == "clips"
    return caught.value.body.message


def test_captions_lie_beside_their_clips():
    archive = Archive(
        packed(("b.MP4", CLIP), ("b.txt", b" two "), ("a.png", CLIP), ("a.txt", "é".encode())), MOST
    )
    assert [(each.name, each.caption, each.moves) for each in archive.clips()] == [
        ("a.png", "é", False),
        ("b.MP4", "two", True),
    ]
    with archive.opened("b.MP4") as file:
        assert file.read() == CLIP


def test_captions_may_lie_in_one_file_as_on_the_hub():
    lines = [json.dumps({"file_name": name, "text": name}) for name in ("a.mp4", "b.webm")]
    files = [(f"set/{name}", CLIP) for name in ("a.mp4", "b.webm")]
    archive = Archive(packed(("set/metadata.jsonl", "\n".join(lines).encode()), *files), MOST)
    assert [each.caption for each in archive.clips()] == ["a.mp4", "b.webm"]


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85"])
def test_signs_that_end_a_line_elsewhere_are_part_of_a_caption(sign: str):
    line = json.dumps({"file_name": "a.mp4", "text": f"one{sign}two"}, ensure_ascii=False)
    archive = Archive(packed(("metadata.jsonl", f"{line}\r\n".encode()), ("a.mp4", CLIP)), MOST)
    assert [each.caption for each in archive.clips()] == [f"one{sign}two"]


def test_what_systems_leave_in_archives_does_not_count():
    archive = Archive(
        packed(("__MACOSX/._a.mp4", b""), ("a.mp4", CLIP), ("a.txt", b"one"), (".DS_Store", b"")),
        MOST,
    )
    assert [each.name for each in archive.clips()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "no video and no picture"),
        ([("a.txt", b"one")], "no video and no picture"),
        ([("a.mp4", CLIP)], "a.mp4 has no caption"),
        ([("a.mp4", CLIP), ("a.txt", b" \n")], "a.mp4 has no caption"),
        ([("a.mp4", CLIP), ("a.txt", b"\xff\xfe")], "a.txt is not in UTF-8"),
        ([("a.mp4", CLIP), ("a.txt", b"x" * (MAX_CAPTION_BYTES + 1))], "a.txt is over"),
        ([("../a.mp4", CLIP)], "../a.mp4 would lie outside"),
        ([("/etc/a.mp4", CLIP)], "/etc/a.mp4 would lie outside"),
        ([("x/../../a.mp4", CLIP)], "would lie outside"),
        ([("a\\b.mp4", CLIP)], "would lie outside"),
        ([("a.exe", CLIP)], "a.exe is neither a video, a picture nor a caption"),
        ([("a.mp4", b"x" * (MOST + 1)), ("a.txt", b"one")], "a.mp4 is over 1,000 bytes"),
        ([("metadata.jsonl", b"[1]"), ("a.mp4", CLIP)], "a line of metadata.jsonl is not"),
        ([("metadata.jsonl", HALF_A_SIGN), ("a.mp4", CLIP)], "a line of metadata.jsonl is not"),
        ([("metadata.jsonl", b"[" * 100_000), ("a.mp4", CLIP)], "a line of metadata.jsonl is not"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_named(files: list[tuple[str, bytes]], words: str):
    assert words in refusal(packed(*files))


def test_what_is_no_archive_is_said():
    assert "no ZIP archive" in refusal(BytesIO(b"PK but no more"))
    whole = packed(("a.mp4", CLIP), ("a.txt", b"one")).getvalue()
    assert "no ZIP archive" in refusal(BytesIO(whole[: len(whole) // 2]))


def test_a_bomb_is_refused_by_what_it_says():
    bomb = packed(("a.mp4", b"\0" * 10_000_000), ("a.txt", b"one"), method=zipfile.ZIP_DEFLATED)
    assert "a.mp4 unpacks to more than 200 times its size" in refusal(bomb)


def test_a_bomb_that_lies_of_its_size_is_read_no_further_than_its_limit():
    data = bytearray(
        packed(("a.mp4", b"\0" * 5000), ("a.txt", b"one"), method=zipfile.ZIP_DEFLATED).getvalue()
    )
    said = data.index(b"PK\x01\x02") + 24  # file_size in the directory
    data[said : said + 4] = struct.pack("<I", 10)
    assert "a.mp4" in refusal(BytesIO(bytes(data)))


def test_links_and_passwords_are_refused():
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("a.mp4")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert "a.mp4 is a link" in refusal(file)
    data = bytearray(packed(("a.mp4", CLIP)).getvalue())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "a.mp4 is encrypted" in refusal(BytesIO(bytes(data)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused():
    assert "a.mp4 twice" in refusal(packed(("a.mp4", CLIP), ("a.mp4", CLIP)))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_whatever_is_damaged_is_said_to_be(method: int):
    """Bytes of the packed clip, of its header, or of its name there."""
    clip = random.Random(0).randbytes(300) + b"clip" * 100
    whole = packed(("a.mp4", clip), ("a.txt", b"one"), method=method).getvalue()
    for seed in range(300):
        chance, data = random.Random(seed), bytearray(whole)
        for at in chance.sample(range(4, whole.index(b"PK", 4)), 3):
            data[at] = chance.randrange(256)
        assert "a.mp4 is damaged" in refusal(BytesIO(bytes(data)))
