"""What no viewer minds is taken, and what no viewer shows is refused: nothing else is asked."""

import contextlib
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from common.media.pictures.reading import look_at, show
from common.media.pictures.refused import Refused, Why
from tests import photos, profiles
from tests.photos import card, saved, with_chunk, with_segment

LIMIT = 1_000_000
EXIF = b"Exif\0\0"


def refused(data: bytes, limit: int = LIMIT) -> Refused:
    with pytest.raises(Refused) as caught:
        look_at(data, limit)
    return caught.value


def spoilt_checksum(kind: bytes, body: bytes) -> bytes:
    data = bytearray(with_chunk(saved(card(), "PNG"), kind, body))
    data[33 + 8 + len(body)] ^= 0xFF
    return bytes(data)


def profile_in_pieces(profile: bytes, count: int) -> bytes:
    data, size = saved(card(), "JPEG"), -(-len(profile) // count)
    for index in reversed(range(count)):
        piece = profile[index * size :][:size]
        data = with_segment(data, 0xE2, b"ICC_PROFILE\0" + bytes([index + 1, count]) + piece)
    return data


PNG, JPEG = saved(card(), "PNG"), saved(card(), "JPEG")
UNMINDED = {
    "a text of 30 MB in 30 KB": with_chunk(PNG, b"zTXt", b"a\0\0" + zlib.compress(bytes(30 << 20))),
    "a text that is not packed as it says": with_chunk(PNG, b"zTXt", b"a\0\0nonsense"),
    "a profile of 30 MB in 30 KB": with_chunk(PNG, *photos.icc_chunk(bytes(30 << 20))),
    "a profile that is not packed as it says": with_chunk(PNG, b"iCCP", b"a\0\0nonsense"),
    "a profile that is cut": with_chunk(PNG, *photos.icc_chunk(profiles.display_p3()[:300])),
    "a text whose checksum is wrong": spoilt_checksum(b"tEXt", b"a\0b"),
    "a gamma whose checksum is wrong": spoilt_checksum(b"gAMA", struct.pack(">I", 100_000)),
    "a gamma of nothing": with_chunk(PNG, b"gAMA", bytes(4)),
    "primaries that are no colours": with_chunk(
        with_chunk(PNG, b"cHRM", bytes(32)), b"gAMA", struct.pack(">I", 45455)
    ),
    "a chunk of our own": with_chunk(PNG, b"ouRs", b"x" * 1000),
    "EXIF that is none, in a PNG": with_chunk(PNG, b"eXIf", b"nonsense"),
    "an animation that does not come": with_chunk(PNG, b"acTL", struct.pack(">II", 5, 0)),
    "bytes behind a PNG's end": PNG + b"anything" * 100,
    "a PNG without an end": PNG[:-12],
    "a PNG with another end": with_chunk(PNG, b"QEND", b"", at_end=True),
    "a PNG cut within a text behind its pixels": with_chunk(
        PNG, b"tEXt", b"a\0" + b"b" * 500, at_end=True
    )[:-300],
    "EXIF that is none, in a JPEG": with_segment(JPEG, 0xE1, EXIF + b"nonsense"),
    "EXIF that points outside": with_segment(JPEG, 0xE1, EXIF + b"II*\0\xff\xff\xff\x7f"),
    "EXIF of many entries": with_segment(JPEG, 0xE1, EXIF + b"MM\0*\0\0\0\x08\xff\xff" + bytes(60)),
    "notes of Photoshop that are none": with_segment(JPEG, 0xED, b"Photoshop 3.0\0008BIM\xff\xff"),
    "an index of pictures that is none": with_segment(JPEG, 0xE2, b"MPF\0nonsense"),
    "a density that is none": with_segment(JPEG, 0xE0, b"JFIF\0\1\1\7"),
    "a profile that is none, in a JPEG": profile_in_pieces(b"nonsense" * 40, 2),
    "a profile of which a piece is missing": with_segment(
        JPEG, 0xE2, b"ICC_PROFILE\0\1\2" + profiles.display_p3()[:300]
    ),
    "bytes behind a JPEG's end": JPEG + b"anything" * 100,
    "a comment of 65,533 bytes": with_segment(JPEG, 0xFE, b"x" * 65_533),
}


@pytest.mark.parametrize("kind", UNMINDED)
def test_what_stands_beside_the_pixels_does_not_matter(kind: str):
    """The pixels are all there: the picture is taken, and shows what it would without the rest."""
    data = UNMINDED[kind]
    found = look_at(data, LIMIT)
    assert (found.width, found.height) == (96, 64)
    plain = PNG if found.kind == "PNG" else JPEG
    np.testing.assert_array_equal(show(data, LIMIT), show(plain, LIMIT))


@pytest.mark.parametrize("count", [1, 3])
def test_a_profile_in_pieces(count: int):
    whole = saved(card(), "JPEG", icc_profile=profiles.adobe_rgb())
    pieces = profile_in_pieces(profiles.adobe_rgb(), count)
    np.testing.assert_array_equal(show(pieces, LIMIT), show(whole, LIMIT))
    assert not np.array_equal(show(pieces, LIMIT), show(JPEG, LIMIT))


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "GIF", "AVIF", "BMP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.98])
def test_a_part_of_a_picture_is_none(format_: str, share: float):
    noise = Image.effect_noise((200, 150), 60).convert("P" if format_ == "GIF" else "RGB")
    data = saved(noise, format_)
    assert refused(data[: int(len(data) * share)]).why is Why.DAMAGED


def test_a_part_of_a_phones_picture_is_none():
    data = photos.heic(Image.effect_noise((200, 150), 60).convert("RGB"))
    assert refused(data[: len(data) // 2]).why is Why.DAMAGED


def test_a_picture_with_a_flipped_byte_is_refused():
    data = bytearray(saved(Image.effect_noise((200, 150), 60), "PNG"))
    data[len(data) // 2] ^= 0xFF
    assert refused(bytes(data)).why is Why.DAMAGED


def test_what_a_png_cannot_be_shown_without():
    assert refused(with_chunk(PNG, b"OURS", b"x")).why is Why.DAMAGED


def test_a_jpeg_that_passes_over_its_picture_again_and_again():
    """Time that a small file takes is bounded: by its scans, before the first is decoded."""
    assert look_at(photos.many_scans(64, 80), LIMIT).width == 64
    assert refused(photos.many_scans(64, 120)).why is Why.SCANS
    assert refused(photos.many_scans(2000, 4000), 10**7).why is Why.SCANS


def test_scans_of_a_thumbnail_are_not_the_pictures():
    inner = photos.exif(1) + b"\xff\xda\0\2" * 200
    assert look_at(with_segment(JPEG, 0xE1, inner), LIMIT).width == 96


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "GIF", "AVIF", "BMP"])
def test_no_damage_escapes_as_another_error(format_: str):
    rng = np.random.default_rng(11)
    whole = saved(card().convert("P" if format_ == "GIF" else "RGB"), format_)
    for _ in range(120):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), 6):
            data[at] = rng.integers(0, 256)
        with contextlib.suppress(Refused):
            look_at(bytes(data), LIMIT)
            show(bytes(data), LIMIT)


def test_no_damage_beside_the_pixels_escapes_either():
    """Into what is read here, not by Pillow."""
    rng = np.random.default_rng(12)
    for name, (whole, _) in photos.kinds().items():
        for _ in range(6):
            data = bytearray(whole)
            for at in rng.integers(0, min(len(data), 600), 3):
                data[at] = rng.integers(0, 256)
            with contextlib.suppress(Refused):
                show(bytes(data), LIMIT), name


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", ""),
        (b"hello, I am a picture", ""),
        (b"II*\0" + bytes(20), "TIFF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\n<?xml version='1.0'?><svg/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\xff\x0a\0\0", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\0\0\1\0\1\0", "icon"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video"),
        (b"\x1a\x45\xdf\xa3\x93", "video"),
    ],
)
def test_other_files_are_known_by_their_beginning(data: bytes, kind: str):
    caught = refused(data)
    assert (caught.why, caught.kind) == (Why.UNKNOWN, kind)


def test_a_phones_picture_in_display_p3():
    """HEIC: no browser here shows it; it must come out as a PNG of the same colours does."""
    p3 = profiles.display_p3()
    from_phone = np.asarray(show(photos.heic(card(), icc_profile=p3), LIMIT)).astype(int)
    expected = np.asarray(show(saved(card(), "PNG", icc_profile=p3), LIMIT))
    inner = (slice(5, None, 21), slice(9, None, 19))  # edges blur a little in YCbCr
    assert np.abs(expected[5, 9].astype(int) - (0, 163, 42)).max() <= 3  # not (40, 160, 61)
    assert np.abs(from_phone - expected)[inner].max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_phones_picture_is_upright(orientation: int):
    image = card()
    image.paste("white", (0, 0, 40, 20))
    file = photos.heic(image, exif=photos.exif(orientation))
    found = look_at(file, LIMIT)
    jpeg = saved(image, "JPEG", exif=photos.exif(orientation))
    expected = np.asarray(show(jpeg, LIMIT)).astype(int)
    assert (found.height, found.width, 3) == expected.shape
    assert np.abs(expected - show(file, LIMIT)).mean() < 3


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "GIF", "AVIF"])
def test_of_an_animation_the_first_picture_is_taken(format_: str):
    first = np.asarray(show(photos.moving(format_), LIMIT)).astype(int)
    assert np.abs(first - photos.patches()).max() <= 6


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sides_are_those_a_viewer_shows(format_: str, orientation: int):
    found = look_at(saved(card((40, 30)), format_, exif=photos.exif(orientation)), LIMIT)
    assert (found.width, found.height) == ((30, 40) if orientation > 4 else (40, 30))


def test_a_phones_jpeg_with_a_second_picture_inside():
    data = saved(card(), "MPO", save_all=True, append_images=[Image.new("RGB", (16, 12))])
    assert look_at(data, LIMIT).kind == "JPEG"
