"""Pictures from clients, of every bad kind."""

import re
import signal
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.base.bounded_child import Ended, Ending
from common.base.errors import InvalidRequest
from common.media.inputs import ImageInfo, inspect_image
from common.media.picture_reader import answer_of
from tests import photos

LIMIT = 1_000_000


def picture(format_: str, size: tuple[int, int] = (40, 30), mode: str = "RGB", **kw: object):
    out = BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(out, format_, **kw)  # type: ignore[arg-type]
    return out.getvalue()


def png_header(width: int, height: int, rest: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(rest, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


def webp_header(width: int, height: int) -> bytes:
    canvas = struct.pack("<I", 0) + (width - 1).to_bytes(3, "little")
    vp8x = b"VP8X" + struct.pack("<I", 10) + canvas + (height - 1).to_bytes(3, "little")
    frame = picture("WEBP")[12:]
    body = b"WEBP" + vp8x + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_header(width: int, height: int) -> bytes:
    whole = picture("JPEG")
    at = whole.index(b"\xff\xc0") + 5
    return whole[:at] + struct.pack(">HH", height, width) + whole[at + 4 :]


def refused(data: bytes, limit: int = LIMIT) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        inspect_image(BytesIO(data), limit)
    assert caught.value.body.param == "image"
    assert caught.value.body.hint
    return caught.value


@pytest.mark.parametrize(
    ("format_", "mode"),
    [
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "L"),
        ("PNG", "1"),
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("WEBP", "RGB"),
        ("WEBP", "RGBA"),
        ("GIF", "P"),
        ("AVIF", "RGB"),
        ("BMP", "RGB"),
    ],
)
def test_accepted(format_: str, mode: str):
    data = BytesIO(picture(format_, mode=mode))
    assert inspect_image(data, LIMIT) == ImageInfo(40, 30, format_.lower())


def test_the_limit_itself_is_allowed():
    data = picture("PNG", (40, 30))
    assert inspect_image(BytesIO(data), 1200).width == 40
    assert "1,199 pixels" in refused(data, 1199).body.message


BOMBS = {
    "png in pillow's refusing range": png_header(30_000, 30_000),
    "png in pillow's warning range": png_header(10_000, 10_000),
    "png just over": png_header(7_100, 7_100),
    "webp": webp_header(16_383, 16_383),
    "jpeg": jpeg_header(65_500, 65_500),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_are_refused_by_their_header(data: bytes):
    assert "more than 50,000,000 pixels" in refused(data, 50_000_000).body.message


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_cost_no_memory(data: bytes):
    code = "from common.media.pictures.child import main; main('look', 50_000_000)"
    code += "; print(open('/proc/self/status').read())"
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()
    assert "too_large" in said.splitlines()[0]
    most = re.search(r"VmHWM:\s+(\d+) kB", said)
    assert most
    assert int(most[1]) < 64 * 1024  # 30,000 x 30,000 RGB is 2.5 GiB


def test_a_real_bomb_of_zeros_is_not_inflated():
    bomb = png_header(30_000, 30_000, bytes(64 * 1024 * 1024))
    assert "more than" in refused(bomb, 50_000_000).body.message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello, I am a picture", "HEIC"),
        (picture("TIFF"), "Save it as PNG or JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "Save it as PNG or JPEG"),
        (b"\x00\x00\x00\x18ftypmp42", "upload video"),
        (b"\x89PNG\r\n\x1a\n", "Save it anew"),
        (picture("JPEG")[:-300], "Save it anew"),
        (photos.many_scans(64, 120), "one scan"),
        (b"", "HEIC"),
    ],
)
def test_what_is_refused_is_told_the_way_out(data: bytes, words: str):
    assert words in (refused(data).body.hint or "")


def test_no_words_of_a_decoder_reach_the_client():
    for data in (b"no picture", picture("PNG")[:-60], b"GIF89a" + bytes(20)):
        body = refused(data).body
        assert not {"0x", "Error", "buffer"} & set(re.split(r"\W", body.model_dump_json()))


def test_a_decoder_that_takes_too_long_is_ended():
    """Time is bounded for every kind of picture, whatever it is that takes it."""
    ended = Ended(-signal.SIGKILL, b"", "", Ending.KILLED)
    for how in (ended, replace(ended, ending=Ending.LATE)):
        with pytest.raises(InvalidRequest, match="cannot be decoded within 20 seconds"):
            answer_of(how, LIMIT)


def test_a_decoder_that_crashes_is_the_pictures_fault_and_one_that_is_missing_is_ours():
    with pytest.raises(InvalidRequest, match="damaged"):
        answer_of(Ended(-signal.SIGSEGV, b"", ""), LIMIT)
    with pytest.raises(RuntimeError):
        answer_of(Ended(1, b"", "No module named PIL"), LIMIT)


def test_memory_is_bounded_by_the_pixels_that_are_allowed():
    """What a decoder asks for beyond it does not get: the machine has other things to hold."""
    big = photos.saved(Image.new("RGBA", (5000, 5000)), "PNG", compress_level=1)
    assert "more than" in refused(big, 24_999_999).body.message
    assert inspect_image(BytesIO(big), 25_000_000).width == 5000


def test_the_place_in_a_file_does_not_matter(tmp_path: Path):
    (tmp_path / "a").write_bytes(picture("GIF"))
    with (tmp_path / "a").open("rb") as file:
        file.seek(20)
        assert inspect_image(file, LIMIT) == ImageInfo(40, 30, "gif")
