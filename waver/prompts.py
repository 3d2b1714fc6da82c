"""The negative prompt, and what the presets for style and quality say in words. No torch here.

Waver's report (arXiv 2508.15761) has its training captions tagged: the style in front, the quality
behind, and at sampling the tags of bad quality in the negative prompt. The stand-ins were not
trained with such tags, so these are plain words of ours, which any text encoder reads. What they
do to the picture has not been measured.
"""

# ruff: noqa: RUF001 (the full-width commas belong to the text)

from enum import StrEnum

NEGATIVE_PROMPT = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，"
    "JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，"
    "形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)
"""``sample_neg_prompt`` of Wan-Video/Wan2.2, wan/configs/shared_config.py, as in training."""


class Style(StrEnum):
    """A look. What is in front of the prompt for it: ``STYLE_TAGS``."""

    REALISTIC = "realistic"
    ANIME = "anime"
    ANIMATION_3D = "3d_animation"
    PICTURE_BOOK = "picture_book"
    PIXEL_ART = "pixel_art"
    INK_WASH = "ink_wash"


class Quality(StrEnum):
    """How much care is asked for in words."""

    PLAIN = "plain"
    HIGH = "high"


STYLE_TAGS = {
    Style.REALISTIC: "Real footage, natural light and colours.",
    Style.ANIME: "Hand-drawn two-dimensional anime.",
    Style.ANIMATION_3D: "Three-dimensional computer animation.",
    Style.PICTURE_BOOK: "Illustration of a children's picture book, flat colours.",
    Style.PIXEL_ART: "Pixel art, large square pixels, few colours.",
    Style.INK_WASH: "Ink wash painting, soft brush strokes on paper.",
}
HIGH_QUALITY = "Sharp, high definition, rich in detail, smooth and lively motion."
LOW_QUALITY = "low definition, blurred, flickering, slow motion"


def tagged_prompt(prompt: str, style: Style | None, quality: Quality) -> str:
    """The prompt with the style in front and the quality behind."""
    parts = (STYLE_TAGS[style] if style else "", prompt, _if_high(quality, HIGH_QUALITY))
    return " ".join(filter(None, parts))


def tagged_negative_prompt(negative_prompt: str, quality: Quality) -> str:
    """The negative prompt with the marks of low quality behind."""
    return ", ".join(filter(None, (negative_prompt, _if_high(quality, LOW_QUALITY))))


def _if_high(quality: Quality, words: str) -> str:
    return words if quality is Quality.HIGH else ""
