"""What lies over a film: where, how large, and from which frame to which."""

from math import floor

from common.base.errors import Unresolvable
from studio.operations.edit.canvas import Size
from studio.operations.edit.plan import EditPlan, Picture, Words
from studio.operations.edit.spans import frame_at
from studio.operations.edit.task import Edit, Overlay, Text
from studio.operations.edit.texts import laid
from studio.rendering.allowed import PICTURES
from studio.sources import Facts, Found


def laid_over(task: Edit, found: Found, plan: EditPlan) -> EditPlan:
    """The plan with its overlays and texts. Raises Unresolvable."""
    pictures = [_picture(one, f"overlays.{i}", found, plan) for i, one in enumerate(task.overlays)]
    words = [_words(one, f"texts.{i}", plan) for i, one in enumerate(task.texts)]
    pixels = sum(pixels for _, pixels in (*pictures, *words))
    shown = {"pictures": tuple(one for one, _ in pictures), "words": tuple(one for one, _ in words)}
    return plan.model_copy(update={**shown, "laid": pixels})


def _picture(one: Overlay, field: str, found: Found, plan: EditPlan) -> tuple[Picture, int]:
    """And its pixels."""
    facts = found[one.source]
    if facts.format not in PICTURES:
        raise Unresolvable(
            f"{field}: {facts.format} pictures are not laid over films.",
            param=f"{field}.source",
            hint=f"Send one of these: {', '.join(PICTURES)}. PNG and WebP can be seen through.",
        )
    start, end = _when(one, field, plan)
    width, height = _size(one, field, facts, plan)
    picture = Picture(
        source=one.source,
        start=start,
        end=end,
        place=one.place,
        margin=round(plan.width * one.margin),
        width=width,
        height=height,
        opacity=one.opacity,
    )
    return picture, width * height + facts.width * facts.height


def _size(one: Overlay, field: str, facts: Facts, plan: EditPlan) -> Size:
    width = max(1, round(plan.width * one.width))
    height = max(1, round(width * facts.height / facts.width))
    if height > plan.height:
        widest = plan.height * facts.width // facts.height
        most = floor(widest / plan.width * 10_000) / 10_000
        raise Unresolvable(
            f"{field}.width: so wide, it is {height} pixels high, and the film {plan.height}.",
            param=f"{field}.width",
            hint=f"For a picture of {facts.width}x{facts.height}, {most:g} is the most.",
        )
    return width, height


def _words(one: Text, field: str, plan: EditPlan) -> tuple[Words, int]:
    start, end = _when(one, field, plan)
    words = Words(
        text=one.text,
        start=start,
        end=end,
        place=one.place,
        margin=round(plan.width * one.margin),
        size=max(6, round(plan.height * one.size)),
        colour=one.colour,
        outline=one.outline,
    )
    width, height = laid(words, plan.width).size
    if width > plan.width or height > plan.height:
        raise Unresolvable(
            f"{field}.size: the text takes {width}x{height} pixels, and the film has "
            f"{plan.width}x{plan.height}.",
            param=f"{field}.size",
            hint="Make it smaller or shorter, or show it in parts.",
        )
    return words, width * height


def _when(one: Overlay | Text, field: str, plan: EditPlan) -> tuple[int, int]:
    """Frames. What would never be seen is refused; an end after the film's is its end."""
    start = frame_at(one.start, plan.rate)
    if start >= plan.frames:
        raise Unresolvable(
            f"{field}.start: {one.start:g} s is after the end of the film, {plan.seconds:g} s.",
            param=f"{field}.start",
            hint="Times are seconds of the finished film.",
        )
    end = plan.frames if one.end is None else frame_at(one.end, plan.rate)
    if end <= start:
        raise Unresolvable(
            f"{field}.end: {one.end:g} s is not after its start, {one.start:g} s.",
            param=f"{field}.end",
            hint="Show it for a frame at least.",
        )
    return start, min(end, plan.frames)
