"""Bars in a PNG, drawn with Pillow, which is there anyway."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH, BAR, GAP, MARGIN, NAMES = 900, 36, 20, 30, 150
INK, PAPER, FILL = "#222222", "#ffffff", "#76b900"
FONT_SIZE = 18


@dataclass(frozen=True)
class Bar:
    """A name and how long its bar is."""

    name: str
    value: float


def draw(path: Path, title: str, bars: Sequence[Bar]) -> None:
    """Write a chart of horizontal bars, in their order, to ``path`` (PNG)."""
    height = 2 * MARGIN + FONT_SIZE + GAP + max(1, len(bars)) * (BAR + GAP)
    image = Image.new("RGB", (WIDTH, height), PAPER)
    canvas, font = ImageDraw.Draw(image), ImageFont.load_default(FONT_SIZE)
    canvas.text((MARGIN, MARGIN), title, INK, font)
    longest = max((bar.value for bar in bars), default=0.0)
    for number, bar in enumerate(bars):
        top = MARGIN + FONT_SIZE + GAP + number * (BAR + GAP)
        left = MARGIN + NAMES
        right = left + bar_pixels(bar.value, longest)
        canvas.text((MARGIN, top + 8), bar.name, INK, font)
        canvas.rectangle((left, top, right, top + BAR), FILL)
        canvas.text((right + 10, top + 8), f"{bar.value:.3g}", INK, font)
    if not bars:
        canvas.text((MARGIN, MARGIN + FONT_SIZE + GAP), "Nothing was measured.", INK, font)
    image.save(path, "PNG")


def bar_pixels(value: float, longest: float) -> int:
    """Length of a bar; the longest leaves room for its figure."""
    room = WIDTH - NAMES - 2 * MARGIN - 90
    return max(1, round(room * value / longest)) if longest else 1
