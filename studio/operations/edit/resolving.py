"""From what was asked to what is made."""

from collections.abc import Iterator
from fractions import Fraction
from importlib.util import find_spec
from math import inf

from common.base.errors import Unresolvable
from common.contract.work import Adjustment
from common.media.codecs import frame_rate
from studio.captions.fonts import has_fonts
from studio.captions.style import Style
from studio.operations.edit.canvas import canvas
from studio.operations.edit.laying import laid_over
from studio.operations.edit.plan import EditPlan, Take
from studio.operations.edit.spans import joined
from studio.operations.edit.taking import take_of
from studio.operations.edit.task import MAX_SECONDS, MAX_TAKES, Edit, Silence
from studio.rendering.allowed import COPIED, copies_sound
from studio.sources import Facts, Form, Found
from studio.tasks import Planned

_STEADY = (1, 2, 1001)
"""Denominators of the rates that cameras have. Any other is the average of a rate that varies."""
_VOICE = "faster_whisper"


def resolve(task: Edit, found: Found) -> Planned:
    """Raises Unresolvable, naming the field."""
    _check(task, found)
    changes = list[Adjustment]()
    first = found[task.timeline[0].source]
    rate = _rate(task, first, changes)
    takes = _fewest(tuple(_takes(task, found, rate, changes)), rate)
    width, height = canvas((first.width, first.height), task.aspect, task.resolution)
    plan = EditPlan(
        width=width,
        height=height,
        fps=float(rate),
        takes=takes,
        has_sound=any(found[take.source].has_sound and not take.mute for take in takes),
        fit=task.fit or "crop",
        focus=0.5 if task.focus is None else task.focus,
        fade_in=task.fade_in or 0,
        fade_out=task.fade_out or 0,
        silence=_silence(task, found, changes),
        loudness=task.loudness,
        hears=_heard(task, found),
        style=task.style or Style(),
        largest=max(found[take.source].width * found[take.source].height for take in takes),
    )
    plan = plan.model_copy(update={"seconds": float(plan.frames / rate)})
    _check_film(task, plan)
    changes += _made_equal(task, found, plan)
    plan = _copied(task, first, laid_over(task, found, plan))
    return Planned(plan, tuple(one for one in changes if not (plan.copies and one.field == "fps")))


def _check(task: Edit, found: Found) -> None:
    """Every name stands for a file of the right form, and every file has a use."""
    for place, part in _parts(task):
        if part not in found:
            known = ", ".join(task.inputs) or "none"
            raise Unresolvable(
                f"{place}.source: there is no input {part!r}.",
                param=f"{place}.source",
                hint=f"The inputs: {known}; the uploads: video, and overlay for a picture.",
            )
        wanted = Form.PICTURE if place.startswith("overlays") else Form.VIDEO
        if found[part].form is not wanted:
            raise Unresolvable(
                f"{place}.source: {part!r} is no {wanted}.",
                param=f"{place}.source",
                hint="Clips are of videos, overlays are pictures.",
            )
    used = {part for _, part in _parts(task)}
    for name in [*task.inputs, *found]:
        if name not in used:
            field = f"inputs.{name}" if name in task.inputs else name
            raise Unresolvable(
                f"{field} is used by no clip and no overlay.",
                param=field,
                hint="Name it as a `source`, or leave it out.",
            )
    if task.video is not None and "video" in task.inputs:
        raise Unresolvable(
            "video is named twice, as itself and in inputs.",
            param="inputs.video",
            hint="Name one of both differently.",
        )


def _heard(task: Edit, found: Found) -> str:
    """The source whose words become captions; empty where none do."""
    if task.captions != "auto":
        return ""
    speak = {one.source for one in task.timeline if found[one.source].has_sound and not one.mute}
    if len(speak) != 1:
        raise Unresolvable(
            f"captions: {len(speak)} videos of this film have sound, and one is listened to.",
            param="captions",
            hint="Make the film without, then send its job to POST /video/caption.",
        )
    if not has_fonts():
        raise Unresolvable(
            "captions need fonts, and this service has none.",
            param="captions",
            hint="Install some, as fonts-noto-core; or send captions=none.",
        )
    return speak.pop()


def _parts(task: Edit) -> Iterator[tuple[str, str]]:
    for i, clip in enumerate(task.timeline):
        yield f"clips.{i}", clip.source
    for i, overlay in enumerate(task.overlays):
        yield f"overlays.{i}", overlay.source


def _rate(task: Edit, first: Facts, changes: list[Adjustment]) -> Fraction:
    """Of the film: what was asked, else that of the first clip, made steady."""
    if task.fps is not None:
        return frame_rate(task.fps)
    rate = frame_rate(first.fps)
    if rate.denominator in _STEADY:
        return rate
    steady = Fraction(max(1, round(rate)))
    reason = "the rate of the first clip varies: it is made constant"
    changes.append(
        Adjustment(field="fps", requested=first.fps, resolved=float(steady), reason=reason)
    )
    return steady


def _takes(task: Edit, found: Found, rate: Fraction, changes: list[Adjustment]) -> Iterator[Take]:
    for i, clip in enumerate(task.timeline):
        yield take_of(clip, f"clips.{i}", found[clip.source], rate, changes)


def _fewest(takes: tuple[Take, ...], rate: Fraction) -> tuple[Take, ...]:
    """As few decoders as it needs; fewer still, which read through more, where that are many."""
    few = joined(takes, rate)
    return few if len(few) <= MAX_TAKES else joined(takes, rate, inf)


def _silence(task: Edit, found: Found, changes: list[Adjustment]) -> Silence | None:
    """By level where nothing here tells voices apart; None where there is nothing to hear."""
    silence = task.silence
    if silence is None or silence.method == "none":
        return None
    if not any(found[clip.source].has_sound for clip in task.timeline):
        raise Unresolvable(
            "silence: no clip has sound.", param="silence", hint="Leave it out, or cut by times."
        )
    if method_here(silence.method) == silence.method:
        return silence
    reason = "nothing that finds voices is installed here"
    changes.append(
        Adjustment(field="silence.method", requested="voice", resolved="level", reason=reason)
    )
    return silence.model_copy(update={"method": "level"})


def method_here(asked: str, detector: str = _VOICE) -> str:
    """How silence is found where ``detector`` may not be installed."""
    return asked if asked != "voice" or find_spec(detector) is not None else "level"


def _check_film(task: Edit, plan: EditPlan) -> None:
    if plan.seconds > MAX_SECONDS:
        raise Unresolvable(
            f"The film would be {plan.seconds:g} seconds long; {MAX_SECONDS:g} are allowed.",
            param="clips",
            hint="Make it in parts.",
        )
    if len(plan.takes) > MAX_TAKES:
        raise Unresolvable(
            f"The clips go back, or to another video, {len(plan.takes) - 1} times; "
            f"{MAX_TAKES - 1} times are allowed.",
            param="clips",
            hint="Order them by time where you can, or make the film in parts.",
        )
    if plan.fade_in + plan.fade_out > plan.seconds:
        raise Unresolvable(
            f"fade_in and fade_out are longer than the film, {plan.seconds:g} s.",
            param="fade_out",
            hint="Make them shorter.",
        )


def _made_equal(task: Edit, found: Found, plan: EditPlan) -> Iterator[Adjustment]:
    """What is changed of clips that are not as the first one."""
    first = found[task.timeline[0].source]
    for name in dict.fromkeys(clip.source for clip in task.timeline):
        facts = found[name]
        size, film = f"{facts.width}x{facts.height}", f"{plan.width}x{plan.height}"
        if (facts.width, facts.height) != (first.width, first.height):
            reason = f"all clips get one size ({plan.fit})"
            yield Adjustment(field=f"{name}.size", requested=size, resolved=film, reason=reason)
        if facts is not first and frame_rate(facts.fps) != plan.rate:
            reason = "all clips get one frame rate"
            yield Adjustment(
                field=f"{name}.fps", requested=facts.fps, resolved=plan.fps, reason=reason
            )


def _copied(task: Edit, source: Facts, plan: EditPlan) -> EditPlan:
    """Nothing is decoded that would only be written down again."""
    whole = plan.takes[0].frames == round(Fraction(source.seconds) * plan.rate)
    same = plan.takes == (Take(source=task.timeline[0].source, spans=plan.takes[0].spans),)
    drawn = plan.pictures or plan.words or plan.hears or _changed(plan)
    sized = (plan.width, plan.height) == (source.width, source.height)
    timed = task.fps is None or frame_rate(source.fps) == plan.rate
    if not (whole and same and sized and timed and source.codec in COPIED) or drawn:
        return plan
    heard = plan.loudness is None and copies_sound(source.sound_codec, source.sound_rate)
    return plan.model_copy(update={"copies": True, "copies_sound": heard})


def _changed(plan: EditPlan) -> bool:
    return bool(plan.fade_in or plan.fade_out or plan.silence)
