"""A picture from a file, as a browser shows it: upright, in sRGB of eight bits.

Nothing here imports more than Pillow: a child process does this, and its start is a part of the
wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO

from PIL import Image, ImageChops

from common.media.pictures.boxes import coded_colours
from common.media.pictures.colours import to_srgb
from common.media.pictures.exif import orientation
from common.media.pictures.jpeg import read_jpeg
from common.media.pictures.kinds import kind_of
from common.media.pictures.png import read_png
from common.media.pictures.refused import Refused, Why
from common.media.pictures.source import Source

_DECODER_THREADS = 2
_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16"})
"""Layouts of pixels that the kinds below decode to."""
_PLUGINS = {
    "PNG": "Png",
    "JPEG": "Jpeg",
    "WEBP": "WebP",
    "GIF": "Gif",
    "BMP": "Bmp",
    "AVIF": "Avif",
}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})
_EXIF_PREFIX = b"Exif\0\0"


@dataclass(frozen=True)
class Found:
    """What a file holds: its kind by Pillow's name, and its size as a viewer shows it."""

    kind: str
    width: int
    height: int


def look_at(data: bytes, max_pixels: int) -> Found:
    """Prove that ``data`` is one whole picture, by decoding it.

    Raises:
        Refused: it is not, or has more than ``max_pixels``, which is judged before.
    """
    kind = kind_of(data)
    source = _source(data, kind)
    with _opened(source.file, kind, max_pixels) as image:
        width, height = image.size
        # libjpeg reads all data but keeps an eighth of each side: the same proof for less.
        image.draft(None, (1, 1))
        _load(image)
        turned = _orientation(image, source, kind) in _ON_ITS_SIDE
    return Found(kind, height, width) if turned else Found(kind, width, height)


def show(data: bytes, max_pixels: int, ground: str = "white") -> Image.Image:
    """The whole picture in RGB. Raises Refused, as ``look_at`` does.

    Transparency is laid on white, unless another ground is wanted: drawings and logos are made for
    a page, and dark lines would vanish on black.
    """
    kind = kind_of(data)
    source = _source(data, kind)
    with _opened(source.file, kind, max_pixels) as image:
        _load(image)
        alpha = _alpha(image, source)
        colours = to_srgb(_without_alpha(image), _profile(image, source, kind))
        turn = _TURNS.get(_orientation(image, source, kind))
    if alpha is not None:
        page = Image.new("RGB", colours.size, ground)
        page.paste(colours, mask=alpha)
        colours = page
    return colours if turn is None else colours.transpose(turn)


def _source(data: bytes, kind: str) -> Source:
    if kind == "PNG":
        return read_png(data)
    return read_jpeg(data) if kind == "JPEG" else Source(data)


def _opened(file: bytes, kind: str, max_pixels: int) -> Image.Image:
    """Read the header, and judge by it."""
    _register(kind)
    open_kind, _ = Image.OPEN[kind]  # no other decoder is asked, nor even imported
    # For those that take memory by the header, as WebP's does; Pillow refuses twice of this.
    Image.MAX_IMAGE_PIXELS = (max_pixels + 1) // 2
    try:
        image = open_kind(BytesIO(file), "")
    except Image.DecompressionBombError as exc:
        raise Refused(Why.TOO_LARGE) from exc
    except MemoryError:
        raise
    except Exception as exc:  # decoders raise nearly anything at crafted input
        raise Refused(Why.DAMAGED) from exc
    if image.width * image.height > max_pixels:
        raise Refused(Why.TOO_LARGE)
    if image.mode not in _MODES:
        raise Refused(Why.DAMAGED)
    return image


def _register(kind: str) -> None:
    if kind == "HEIF":
        pillow_heif = import_module("pillow_heif")
        pillow_heif.options.DECODE_THREADS = _DECODER_THREADS
        pillow_heif.register_heif_opener()
        return
    plugin = import_module(f"PIL.{_PLUGINS[kind]}ImagePlugin")
    if kind == "AVIF":
        vars(plugin)["DEFAULT_MAX_THREADS"] = _DECODER_THREADS


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as exc:  # as above
        raise Refused(Why.DAMAGED) from exc


def _orientation(image: Image.Image, source: Source, kind: str) -> int:
    """As browsers have it: EXIF's in JPEG and PNG, the container's in AVIF, and none in WebP.

    A HEIF is upright when it is decoded; Pillow says by EXIF how an AVIF's container is turned.
    """
    if kind == "AVIF":
        return orientation(image.info.get("exif", b"").removeprefix(_EXIF_PREFIX))
    return orientation(source.exif)


def _profile(image: Image.Image, source: Source, kind: str) -> bytes | None:
    if kind in ("GIF", "BMP"):  # browsers look for none there
        return None
    icc: bytes | None = source.icc or image.info.get("icc_profile")
    return coded_colours(source.file) if icc is None and kind in ("AVIF", "HEIF") else icc


def _alpha(image: Image.Image, source: Source) -> Image.Image | None:
    """How much of each pixel is seen; None where all is."""
    if source.clear:
        return _differing(_bytes_of_samples(image, source), source.clear)
    return image.convert("RGBA").getchannel("A") if image.has_transparency_data else None


def _differing(bands: Sequence[Image.Image], values: Sequence[int]) -> Image.Image:
    """255 where a pixel is another one than ``values``, else 0."""
    mask = Image.new("L", bands[0].size)
    for band, value in zip(bands, values, strict=True):
        mask = ImageChops.lighter(
            mask, band.point([255 * (level != value) for level in range(256)])
        )
    return mask


def _bytes_of_samples(image: Image.Image, source: Source) -> list[Image.Image]:
    """All bands; of samples that have 16 bits the high bytes, then the low ones."""
    high = _without_alpha(image)
    bands = [*high.split()]
    if len(source.clear) == len(bands):
        return bands
    if image.mode == "I;16":
        return [high, Image.frombytes("L", image.size, image.tobytes()[::2])]
    with Image.open(BytesIO(source.file), formats=("PNG",)) as again:
        again.tile = [tile._replace(args="RGB;16L") for tile in again.tile]
        return [*bands, *again.split()]


def _without_alpha(image: Image.Image) -> Image.Image:
    """L, RGB or CMYK. Of 16 bits the high byte counts, as in browsers."""
    if image.mode == "I;16":
        return Image.frombytes("L", image.size, image.tobytes()[1::2])
    if image.mode in ("1", "LA"):
        return image.convert("L")
    return image.convert("RGB") if image.mode in ("P", "PA", "RGBA") else image
