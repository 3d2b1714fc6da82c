"""A picture reaches the model as Chromium shows it: its colours, its shape, the way it lies."""

import base64
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Playwright

from common.media.inputs import inspect_image
from common.runtime.images import open_image
from tests import photos
from tests.browser.browser import chromium

LEVELS = 3
"""Of 255: two programs round differently."""
_SHOWN = """async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d", {colorSpace: "srgb"});
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.width, canvas.height, Array.from(data)];
}"""
KINDS = photos.kinds()


@pytest.fixture(scope="module")
def page(playwright: Playwright) -> Iterator[Page]:
    with chromium(playwright, "--force-color-profile=srgb") as browser:
        page = browser.new_page()
        yield page
        page.close()


def shown(page: Page, data: bytes, media_type: str) -> photos.Pixels:
    """What Chromium paints on white."""
    url = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    width, height, values = page.evaluate(_SHOWN, url)
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def given(data: bytes, folder: Path) -> photos.Pixels:
    """What a model opens; the size is what the API has said before."""
    path = folder / "picture"
    path.write_bytes(data)
    pixels = np.asarray(open_image(path))
    with path.open("rb") as file:
        info = inspect_image(file, 1_000_000)
    assert (info.height, info.width, 3) == pixels.shape
    return pixels


def difference(one: photos.Pixels, other: photos.Pixels) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("kind", KINDS)
def test_colours_are_those_that_a_browser_shows(page: Page, tmp_path: Path, kind: str):
    data, media_type = KINDS[kind]
    assert difference(shown(page, data, media_type), given(data, tmp_path)) <= LEVELS


def marked() -> Image.Image:
    """Wider than high, and each corner is another."""
    image = Image.new("RGB", (48, 32), "white")
    for colour, place in (
        ("red", (0, 0)),
        ("lime", (32, 0)),
        ("blue", (0, 16)),
        ("black", (32, 16)),
    ):
        image.paste(colour, (*place, place[0] + 16, place[1] + 16))
    return image


XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>"""


def lying(format_: str, orientation: int) -> bytes:
    return photos.saved(marked(), format_, exif=photos.exif(orientation))


def late_exif() -> bytes:
    return photos.with_chunk(
        photos.saved(marked(), "PNG"), b"eXIf", photos.exif(6)[6:], at_end=True
    )


LYING = {
    **{f"JPEG, EXIF {n}": (lying("JPEG", n), "image/jpeg") for n in range(1, 9)},
    **{f"PNG, EXIF {n}": (lying("PNG", n), "image/png") for n in range(1, 9)},
    **{f"AVIF, EXIF {n}": (lying("AVIF", n), "image/avif") for n in range(1, 9)},
    "WebP, EXIF 6": (lying("WEBP", 6), "image/webp"),
    "JPEG, EXIF 9": (lying("JPEG", 9), "image/jpeg"),
    "JPEG, XMP alone": (photos.saved(marked(), "JPEG", xmp=XMP), "image/jpeg"),
    "JPEG, both": (photos.saved(marked(), "JPEG", xmp=XMP, exif=photos.exif(3)), "image/jpeg"),
    "WebP, XMP alone": (photos.saved(marked(), "WEBP", xmp=XMP), "image/webp"),
    "PNG, EXIF behind the pixels": (late_exif(), "image/png"),
    "JPEG, EXIF as a long": (
        photos.with_segment(
            photos.saved(marked(), "JPEG"),
            0xE1,
            b"Exif\0\0II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 0x112, 4, 1, 6) + bytes(4),
        ),
        "image/jpeg",
    ),
}


@pytest.mark.parametrize("kind", LYING)
def test_it_lies_as_a_browser_shows_it(page: Page, tmp_path: Path, kind: str):
    """Turned by what browsers turn by, and by nothing else."""
    data, media_type = LYING[kind]
    seen, got = shown(page, data, media_type), given(data, tmp_path)
    assert seen.shape == got.shape
    corners = (slice(4, None, max(1, seen.shape[0] - 9)), slice(4, None, seen.shape[1] - 9))
    assert difference(seen[corners], got[corners]) < 16
