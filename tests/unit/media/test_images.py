"""What a model gets for a first frame, and the thumbnail that a client gets back."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.base.errors import StorageFull
from common.media.thumbnail import write_thumbnail
from common.runtime.images import load_image
from tests.unit.media.disks import fill

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def save(image: Image.Image, path: Path, **kw: object) -> Path:
    image.save(path, **kw)  # type: ignore[arg-type]
    return path


def test_the_array_is_what_the_contract_says(tmp_path: Path):
    frame = load_image(save(Image.new("RGB", (50, 40), RED), tmp_path / "a.png"), 64, 32)
    assert frame.shape == (32, 64, 3)
    assert frame.dtype == np.uint8
    assert frame.flags.c_contiguous
    assert frame.flags.writeable
    assert (frame == RED).all()


def test_the_exact_size_is_untouched(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    path = save(Image.fromarray(pixels), tmp_path / "a.png")
    np.testing.assert_array_equal(load_image(path, 48, 32), pixels)


@pytest.mark.parametrize("size", [(300, 100), (100, 300)])
def test_the_middle_is_kept_and_both_sides_are_cut(tmp_path: Path, size: tuple[int, int]):
    image = Image.new("RGB", size, RED)
    middle = (size[0] // 2 - 50, size[1] // 2 - 50)
    image.paste(GREEN, (*middle, middle[0] + 100, middle[1] + 100))
    frame = load_image(save(image, tmp_path / "a.png"), 64, 64)
    edge = 4  # as far as the filter reaches
    assert (frame[edge:-edge, edge:-edge] == GREEN).all()


def test_a_picture_is_never_stretched(tmp_path: Path):
    image = Image.new("RGB", (400, 200), "black")
    image.paste(WHITE, (150, 50, 250, 150))  # a square
    frame = load_image(save(image, tmp_path / "a.png"), 96, 64)
    bright = frame[..., 0] > 127
    assert bright.any(axis=0).sum() == bright.any(axis=1).sum() == 32


def test_fine_patterns_do_not_alias(tmp_path: Path):
    lines = np.zeros((512, 512, 3), np.uint8)
    lines[::2] = 255
    frame = load_image(save(Image.fromarray(lines), tmp_path / "a.png"), 100, 100)
    assert np.abs(frame[5:-5].astype(int) - 127).max() < 10


def test_exif_rotation_is_applied(tmp_path: Path):
    image = Image.new("RGB", (60, 40), RED)
    image.paste(BLUE, (0, 0, 60, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: the top is the viewer's right
    path = save(image, tmp_path / "a.png", exif=exif)
    frame = load_image(path, 40, 60)
    assert (frame[:, 25:] == BLUE).all()
    assert (frame[:, :15] == RED).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_is_laid_on_white(tmp_path: Path, mode: str):
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    suffix = "png" if mode != "PA" else "webp"
    image.convert(mode if mode != "PA" else "RGBA").save(tmp_path / f"a.{suffix}")
    assert (load_image(tmp_path / f"a.{suffix}", 16, 16) == WHITE).all()


def test_a_transparent_palette_colour_is_white_too(tmp_path: Path):
    image = Image.new("P", (16, 16), 0)
    image.putpalette([*RED, *BLUE])
    path = save(image, tmp_path / "a.png", transparency=0)
    assert (load_image(path, 16, 16) == WHITE).all()


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path):
    levels = np.array([[0, 257 * 64, 257 * 128, 65535]], np.uint16)
    path = save(Image.fromarray(levels), tmp_path / "a.png")
    assert load_image(path, 4, 1)[0, :, 0].tolist() == [0, 64, 128, 255]


@pytest.mark.parametrize("mode", ["L", "1", "CMYK", "P"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str):
    suffix = "jpg" if mode == "CMYK" else "png"
    path = save(Image.new("RGB", (16, 16), "white").convert(mode), tmp_path / f"a.{suffix}")
    assert load_image(path, 16, 16).min() >= 254


def test_a_missing_picture(tmp_path: Path):
    with pytest.raises(OSError):
        load_image(tmp_path / "none.png", 16, 16)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((720, 1280), (512, 288)),
        ((1280, 720), (288, 512)),
        ((512, 512), (512, 512)),
        ((96, 128), (128, 96)),
        ((2, 4000), (512, 1)),
    ],
)
def test_a_thumbnail_is_small_and_keeps_its_colours(
    tmp_path: Path, shape: tuple[int, int], size: tuple[int, int]
):
    frame = np.full((*shape, 3), (200, 30, 90), np.uint8)
    write_thumbnail(frame, tmp_path / "t.jpg")
    with Image.open(tmp_path / "t.jpg") as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", size)
        assert np.abs(np.asarray(image).astype(int) - (200, 30, 90)).max() <= 3


def test_a_thumbnail_on_a_full_disk(small_disk: Path):
    fill(small_disk)
    with pytest.raises(StorageFull):
        write_thumbnail(np.zeros((64, 64, 3), np.uint8), small_disk / "t.jpg")
