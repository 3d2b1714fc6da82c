"""Texts, drawn as pictures by Pillow: their words reach no filter, so nothing in them is a command.

In the font that has the most of their letters, else the one that comes with Pillow.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from studio.captions.fonts import face_for
from studio.operations.edit.canvas import Size
from studio.operations.edit.plan import Words

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

_WIDEST = 0.9
"""Of the film: longer lines are broken."""
_OUTLINE = 12
"""Of these parts of a line's height, one."""
_LEADING = 0.25
"""Between lines, as a share of their height."""


@dataclass(frozen=True)
class Laid:
    """A text in lines, as Pillow is told to draw it, and the corner and size of what that takes."""

    lines: str
    style: dict[str, Any]
    corner: tuple[float, float]
    size: Size


def laid(words: Words, film_width: int) -> Laid:
    """Nothing is drawn yet."""
    from PIL import Image, ImageDraw

    font = _font(words.text, words.size)
    lines = wrapped(words.text, font, film_width * _WIDEST)
    style: dict[str, Any] = {
        "font": font,
        "spacing": words.size * _LEADING,
        "align": _align(words.place),
        "stroke_width": max(1, round(words.size / _OUTLINE)) if words.outline else 0,
    }
    probe = ImageDraw.Draw(Image.new("RGBA", (1, 1)))
    left, top, right, bottom = probe.multiline_textbbox((0, 0), lines, **style)
    size = max(1, round(right - left)), max(1, round(bottom - top))
    return Laid(lines, style, (left, top), size)


def drawn(words: Words, film_width: int) -> bytes:
    """A PNG that holds the text and nothing around it."""
    from PIL import Image, ImageDraw

    text = laid(words, film_width)
    image = Image.new("RGBA", text.size, (0, 0, 0, 0))
    left, top = text.corner
    ImageDraw.Draw(image).multiline_text(
        (-left, -top), text.lines, fill=words.colour, stroke_fill="#000000", **text.style
    )
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def without_font(texts: Iterable[Words]) -> list[str]:
    """Letters that are drawn as boxes, since no font that is used has them."""
    faces = [face_for(words.text) for words in texts]
    return sorted({letter for face in faces if face is not None for letter in face.missing})


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


def _font(text: str, size: int) -> "FreeTypeFont":
    from PIL import ImageFont

    face = face_for(text)
    if face is not None:
        return ImageFont.truetype(face.path, size, face.index)
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # noqa: S101  # Pillow was built with FreeType
    return font
