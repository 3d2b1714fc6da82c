"""Texts, drawn as pictures by Pillow: their words reach no filter, so nothing in them is a command.

A font that is installed, else the one that comes with Pillow.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from studio.operations.edit.plan import Words

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

_FONTS = Path("/usr/share/fonts")
_NAMES = ("DejaVuSans-Bold.ttf", "NotoSans-Bold.ttf", "LiberationSans-Bold.ttf")
_WIDEST = 0.9
"""Of the film: longer lines are broken."""
_OUTLINE = 12
"""Of these parts of a line's height, one."""
_LEADING = 0.25
"""Between lines, as a share of their height."""


def drawn(words: Words, film_width: int) -> bytes:
    """A PNG that holds the text and nothing around it."""
    from PIL import Image, ImageDraw

    font = _font(words.size)
    lines = wrapped(words.text, font, film_width * _WIDEST)
    stroke = max(1, round(words.size / _OUTLINE)) if words.outline else 0
    spacing, align = words.size * _LEADING, _align(words.place)

    probe = ImageDraw.Draw(Image.new("RGBA", (1, 1)))
    left, top, right, bottom = probe.multiline_textbbox(
        (0, 0), lines, font=font, spacing=spacing, align=align, stroke_width=stroke
    )
    size = max(1, round(right - left)), max(1, round(bottom - top))
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    ImageDraw.Draw(image).multiline_text(
        (-left, -top),
        lines,
        fill=words.colour,
        font=font,
        spacing=spacing,
        align=align,
        stroke_width=stroke,
        stroke_fill="#000000",
    )
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _align(place: str) -> str:
    return next((side for side in ("left", "right") if side in place), "center")


def wrapped(text: str, font: "FreeTypeFont", width: float) -> str:
    """Broken where a line would be wider than ``width`` pixels."""
    return "\n".join(
        line for paragraph in text.splitlines() for line in _broken(paragraph, font, width)
    )


def _broken(paragraph: str, font: "FreeTypeFont", width: float) -> list[str]:
    lines, line = list[str](), ""
    for word in _parts(_plain(paragraph), font, width):
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line]


def _parts(text: str, font: "FreeTypeFont", width: float) -> Iterator[str]:
    """What a line is made of. One that is wider than all of it is taken apart, sign by sign."""
    for word in text.split():
        part = ""
        for sign in word:
            if part and font.getlength(part + sign) > width:
                yield part
                part = ""
            part += sign
        yield part


def _plain(text: str) -> str:
    """Without control characters, which fonts draw as boxes."""
    return "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in text)


def _font(size: int) -> "FreeTypeFont":
    from PIL import ImageFont

    path = _installed()
    if path is not None:
        return ImageFont.truetype(path, size)
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # noqa: S101  # Pillow was built with FreeType
    return font


@cache
def _installed() -> Path | None:
    there = {path.name: path for path in _FONTS.rglob("*.ttf")}
    return next((there[name] for name in _NAMES if name in there), None)
