"""Pictures as people have them, of every kind: bytes of files, made on the spot."""

import struct
import zlib
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests import profiles

Pixels = NDArray[np.uint8]
ORIENTATION = 0x0112


def card(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Patches of colour: as in skin, leaves, sky and signs, bright and dark, and grays."""
    colours = [
        *((40, 160, 61), (200, 40, 40), (30, 60, 190), (222, 184, 155), (96, 120, 40)),
        *((250, 240, 90), (20, 20, 20), (128, 128, 128), (240, 240, 240), (90, 170, 230)),
        *((255, 0, 0), (0, 255, 0), (0, 0, 255), (70, 20, 90), (150, 75, 30)),
    ]
    small = Image.new("RGB", (5, 3))
    small.putdata(colours)
    return small.resize(size, Image.Resampling.NEAREST)


def saved(image: Image.Image, format_: str, **options: object) -> bytes:
    """The file of an image; JPEG, WebP and AVIF as exact as they get."""
    exact: dict[str, dict[str, object]] = {
        "JPEG": {"quality": 100, "subsampling": 0},
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    }
    out = BytesIO()
    image.save(out, format_, **exact.get(format_, {}) | options)  # type: ignore[arg-type]
    return out.getvalue()


def heic(image: Image.Image, **options: object) -> bytes:
    """As phones write them."""
    import pillow_heif

    out = BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=-1, chroma=444, **options)
    return out.getvalue()


def exif(orientation: int) -> bytes:
    """As a JPEG carries it; others leave the first six bytes out."""
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags.tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    """Of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def png(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], colours: int = 2, *chunks: tuple[bytes, bytes]
) -> bytes:
    """A PNG [height, width, channels] of 8 or 16 bits, with chunks of its own."""
    height, width = pixels.shape[:2]
    bits = 8 * pixels.itemsize
    header = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    samples = pixels.astype(pixels.dtype.newbyteorder(">"))
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    body = b"".join(chunk(kind, data) for kind, data in chunks)
    pixels_ = chunk(b"IDAT", zlib.compress(rows))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + body + pixels_ + chunk(b"IEND", b"")


def with_chunk(data: bytes, kind: bytes, body: bytes, *, at_end: bool = False) -> bytes:
    """A PNG with one chunk more, behind its header or before its end."""
    place = len(data) - 12 if at_end else 33
    return data[:place] + chunk(kind, body) + data[place:]


def icc_chunk(profile: bytes) -> tuple[bytes, bytes]:
    """A profile, as a PNG carries it."""
    return b"iCCP", b"some name\0\0" + zlib.compress(profile)


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    """A JPEG with one segment more, right behind its beginning."""
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + data[2:]


def many_scans(side: int, times: int) -> bytes:
    """A progressive JPEG of some KB whose last scan comes again and again: each is another pass."""
    data = saved(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    tables = data.rindex(b"\xff\xc4", 0, last)
    return data[:tables] + data[tables:-2] * times + data[-2:]


def gray_16(values: list[int], clear: int | None = None) -> bytes:
    """A row of gray, of 16 bits; ``clear`` is transparent."""
    chunks = [] if clear is None else [(b"tRNS", struct.pack(">H", clear))]
    return png(np.array([values], np.uint16), 0, *chunks)


def patches(image: Image.Image | None = None) -> Pixels:
    """The card as an array."""
    return np.asarray(image or card(), np.uint8).copy()


def kinds() -> dict[str, tuple[bytes, str]]:
    """A picture of each kind that browsers show, with its media type."""
    files = {
        "image/jpeg": _jpegs(),
        "image/png": _plain_pngs() | _transparent_pngs(),
        "image/webp": {
            "a WebP in Display P3": saved(_half(), "WEBP", icc_profile=profiles.display_p3()),
            "an animated WebP": moving("WEBP"),
        },
        "image/avif": {
            "an AVIF in Display P3": saved(card(), "AVIF", icc_profile=profiles.display_p3()),
            "an AVIF": saved(card(), "AVIF"),
            "an AVIF whose colours are named by code": avif_p3(card()),
        },
        "image/gif": {
            "a GIF": saved(card().quantize(16), "GIF", transparency=2),
            "an animated GIF": moving("GIF"),
        },
        "image/bmp": {"a BMP": saved(card(), "BMP")},
    }
    return {
        name: (data, media_type) for media_type, of in files.items() for name, data in of.items()
    }


def _half() -> Image.Image:
    """The card, more and more transparent."""
    image = card()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def _jpegs() -> dict[str, bytes]:
    image, inks, of_gray = card(), card().convert("CMYK"), profiles.gray()
    return {
        "a JPEG without a profile": saved(image, "JPEG"),
        "a phone's JPEG, Display P3": saved(image, "JPEG", icc_profile=profiles.display_p3()),
        "a camera's JPEG, Adobe RGB": saved(image, "JPEG", icc_profile=profiles.adobe_rgb()),
        "a JPEG in ProPhoto RGB": saved(image, "JPEG", icc_profile=profiles.pro_photo()),
        "a JPEG by a scanner's table": saved(image, "JPEG", icc_profile=profiles.scanner()),
        "a gray JPEG with a profile": saved(image.convert("L"), "JPEG", icc_profile=of_gray),
        "a CMYK JPEG": saved(inks, "JPEG"),
        "a printer's JPEG": saved(inks, "JPEG", icc_profile=profiles.printer()),
        "a JPEG with another's profile": saved(image, "JPEG", icc_profile=of_gray),
        "a progressive JPEG": saved(image, "JPEG", progressive=True),
    }


def _plain_pngs() -> dict[str, bytes]:
    gamma = {power: (b"gAMA", struct.pack(">I", round(1e5 / power))) for power in (1, 1.8, 2.2)}
    primaries = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
    grays, of_gray = patches(card().convert("L")), icc_chunk(profiles.gray())
    return {
        "a PNG of 16 bits in Adobe RGB": png(_wide(), 2, icc_chunk(profiles.adobe_rgb())),
        "a PNG with a gray profile": png(grays, 0, of_gray),
        "a PNG with a palette": saved(
            card().quantize(16), "PNG", icc_profile=profiles.display_p3()
        ),
        "a PNG with gAMA": png(patches(), 2, gamma[1.8]),
        "a PNG with gAMA and cHRM": png(patches(), 2, gamma[2.2], (b"cHRM", primaries)),
        "a PNG with cHRM alone": png(patches(), 2, (b"cHRM", primaries)),
        "a PNG with sRGB and gAMA": png(patches(), 2, gamma[1], (b"sRGB", b"\0")),
        "a PNG with cICP, Display P3": png(patches(), 2, (b"cICP", bytes([12, 13, 0, 1]))),
        "a PNG with cICP, BT.2020": png(patches(), 2, (b"cICP", bytes([9, 1, 0, 1]))),
    }


def _transparent_pngs() -> dict[str, bytes]:
    red = (b"tRNS", struct.pack(">3H", *(257 * value for value in (200, 40, 40))))
    return {
        "a half transparent PNG in Display P3": saved(
            _half(), "PNG", icc_profile=profiles.display_p3()
        ),
        "a half transparent gray PNG": saved(_half().convert("LA"), "PNG"),
        "a palette with a transparent colour": saved(card().quantize(16), "PNG", transparency=3),
        "a gray PNG of 16 bits, one transparent": gray_16([0, 100, 33024, 33025, 65535], 33024),
        "a PNG of 16 bits, a colour transparent": png(_wide(), 2, red),
    }


def _wide() -> NDArray[np.uint16]:
    """The card in 16 bits."""
    return np.asarray(card(), np.uint16) * np.uint16(257)


def avif_p3(image: Image.Image) -> bytes:
    """Display P3 by the code of H.273, without a profile."""
    srgb, p3 = (b"colrnclx" + struct.pack(">HH", code, 13) for code in (1, 12))
    data = saved(image, "AVIF")
    assert srgb in data
    return data.replace(srgb, p3)


def moving(format_: str) -> bytes:
    """Two pictures, of which the first counts."""
    return saved(card(), format_, save_all=True, append_images=[Image.new("RGB", (96, 64))])
