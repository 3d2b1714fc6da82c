"""Pictures from clients, of every bad kind."""

import contextlib
import resource
import struct
import subprocess
import sys
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from common.errors import InvalidRequest
from common.media.inputs import ImageInfo, inspect_image

LIMIT = 1_000_000


def picture(format_: str, size: tuple[int, int] = (40, 30), mode: str = "RGB", **kw: object):
    out = BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(out, format_, **kw)  # type: ignore[arg-type]
    return out.getvalue()


def animation(format_: str) -> bytes:
    out = BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(out, format_, save_all=True, append_images=frames[1:], duration=100)
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
        inspect_image(data, limit)
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
    ],
)
def test_accepted(format_: str, mode: str):
    expected = ImageInfo(40, 30, format_.lower())  # type: ignore[arg-type]
    assert inspect_image(picture(format_, mode=mode), LIMIT) == expected


def test_progressive_jpegs_are_pictures_too():
    data = picture("JPEG", (300, 200), progressive=True)
    assert inspect_image(data, LIMIT) == ImageInfo(300, 200, "jpeg")


def test_a_phones_jpeg_with_a_second_picture_inside():
    out = BytesIO()
    main = Image.new("RGB", (64, 48), "red")
    main.save(out, "MPO", save_all=True, append_images=[Image.new("RGB", (16, 12))])
    assert inspect_image(out.getvalue(), LIMIT) == ImageInfo(64, 48, "jpeg")


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sides_are_those_a_viewer_shows(format_: str, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    info = inspect_image(picture(format_, exif=exif), LIMIT)
    assert (info.width, info.height) == ((30, 40) if orientation > 4 else (40, 30))


def test_the_limit_itself_is_allowed():
    data = picture("PNG", (40, 30))
    assert inspect_image(data, 1200).width == 40
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


MEASURED = """
import resource, sys
from common.errors import InvalidRequest
from common.media.inputs import inspect_image
data = sys.stdin.buffer.read()
try:
    inspect_image(data[:200], 1000)
except InvalidRequest:
    pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    inspect_image(data, 50_000_000)
except InvalidRequest:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_cost_no_memory(data: bytes):
    command = [sys.executable, "-W", "ignore", "-c", MEASURED]
    grown = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    assert int(grown) < 16 * 1024  # KiB; 30,000 x 30,000 RGB is 2.5 GiB


def test_a_real_bomb_of_zeros_is_not_inflated():
    bomb = png_header(30_000, 30_000, bytes(64 * 1024 * 1024))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    refused(bomb, 50_000_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 0.5


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_animations_are_refused(format_: str):
    assert "animated" in refused(animation(format_)).body.message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 100,
        b"hello, I am a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        picture("GIF"),
        picture("BMP"),
        picture("TIFF"),
        picture("ICO"),
        picture("JPEG2000"),
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"RIFF\x00\x00\x00\x00WEBP",
        b"\x00\x00\x00\x18ftypmp42",
    ],
)
def test_what_is_no_picture_is_told_what_would_be(data: bytes):
    assert "PNG, JPEG or WebP" in (refused(data).body.hint or "")


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.98])
def test_a_part_of_a_picture_is_none(format_: str, share: float):
    data = picture(format_, (200, 150))
    refused(data[: int(len(data) * share)])


def test_a_picture_with_a_flipped_byte_is_refused():
    data = bytearray(picture("PNG", (200, 150)))
    data[len(data) // 2] ^= 0xFF
    refused(bytes(data))


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_no_damage_escapes_as_another_error(format_: str):
    rng = np.random.default_rng(11)
    whole = picture(format_, (60, 40))
    for _ in range(150):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), 6):
            data[at] = rng.integers(0, 256)
        with contextlib.suppress(InvalidRequest):
            inspect_image(bytes(data), LIMIT)


def test_pillows_own_words_do_not_reach_the_client():
    assert "0x" not in refused(b"no picture").body.model_dump_json()  # they hold an address
