"""What lies over a film: where, how large, and from which frame to which."""

from common.base.errors import Unresolvable
from studio.operations.edit.plan import EditPlan, Picture, Words
from studio.operations.edit.spans import frame_at
from studio.operations.edit.task import Edit, Overlay, Text
from studio.rendering.allowed import PICTURES
from studio.sources import Found


def pictures_of(task: Edit, found: Found, plan: EditPlan) -> tuple[Picture, ...]:
    """Raises Unresolvable."""
    return tuple(_picture(one, f"overlays.{i}", found, plan) for i, one in enumerate(task.overlays))


def words_of(task: Edit, plan: EditPlan) -> tuple[Words, ...]:
    """Raises Unresolvable."""
    return tuple(_words(one, f"texts.{i}", plan) for i, one in enumerate(task.texts))


def _picture(one: Overlay, field: str, found: Found, plan: EditPlan) -> Picture:
    facts = found[one.source]
    if facts.format not in PICTURES:
        raise Unresolvable(
            f"{field}: {facts.format} pictures are not laid over films.",
            param=f"{field}.source",
            hint=f"Send one of these: {', '.join(PICTURES)}. PNG and WebP can be seen through.",
        )
    start, end = _when(one, field, plan)
    width = max(1, round(plan.width * one.width))
    height = max(1, round(width * facts.height / facts.width))
    return Picture(
        source=one.source,
        start=start,
        end=end,
        place=one.place,
        margin=round(plan.width * one.margin),
        width=width,
        height=height,
        opacity=one.opacity,
    )


def _words(one: Text, field: str, plan: EditPlan) -> Words:
    start, end = _when(one, field, plan)
    return Words(
        text=one.text,
        start=start,
        end=end,
        place=one.place,
        margin=round(plan.width * one.margin),
        size=max(6, round(plan.height * one.size)),
        colour=one.colour,
        outline=one.outline,
    )


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
