"""Makes a film of its takes, in one run of ffmpeg; loudness and silence are heard before."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.media.codecs import codec_arguments
from studio.captions.cues import Transcript
from studio.captions.styled import as_ass
from studio.files import VIDEO
from studio.operations.edit.graph import Branch, branches, feeds, picture, sound
from studio.operations.edit.layers import layers, over
from studio.operations.edit.plan import EditPlan
from studio.operations.edit.spoken import on_timeline
from studio.operations.edit.texts import without_font
from studio.operations.picture import copying
from studio.operations.sound import MP4, SOUND
from studio.rendering.ffmpeg import Feed, Recipe, render
from studio.rendering.loudness import gain_to, measure
from studio.rendering.tools import Tools
from studio.tasks import Made

_TOLD = 500
"""Spans that a report has at most."""


def make(plan: EditPlan, heard: Transcript | None, tools: Tools) -> Made:
    """Raises Unresolvable where nothing is heard in it, and what ``render`` raises."""
    planned = plan.seconds
    if plan.silence is not None:
        from studio.operations.edit.silence import without_silence  # numpy, for those who ask

        plan = without_silence(plan, tools)
    report = _report(plan, planned)
    render(_recipe(plan, _captions(plan, heard, report), report, tools), tools)
    return Made(VIDEO.name, report, seconds=plan.seconds)


def _recipe(
    plan: EditPlan, captions: Mapping[str, bytes], report: dict[str, Any], tools: Tools
) -> Recipe:
    taken, laid = branches(plan, tools.found), layers(plan, tools)
    inputs = feeds(taken, plan.rate, tools)
    graph, output = list[str](), list[str]()
    if plan.copies:
        output += copying(taken[0].facts)
    else:
        graph += [picture(plan, taken), over(plan, laid, len(inputs))]
        output += ["-map", "[film]", *codec_arguments(tools.encoder, plan.width, plan.height)]
    if plan.copies_sound:
        output += ["-map", "0:a:0", "-c:a", "copy"]
    elif plan.has_sound:
        graph.append(_sound(plan, taken, inputs, report, tools))
        output += ["-map", "[loud]", *SOUND]
    return Recipe(
        feeds=[*inputs, *(layer.feed for layer in laid)],
        filters=";".join(graph),
        output=(*output, *MP4),
        name=VIDEO.name,
        seconds=plan.seconds,
        beside=captions,
    )


def _captions(
    plan: EditPlan, heard: Transcript | None, report: dict[str, Any]
) -> Mapping[str, bytes]:
    """What was heard, at its time in the film, as ASS."""
    if heard is None:
        return {}
    cues = on_timeline(heard.cues, plan.hears, plan)
    report["captions"] = len(cues)
    return {"captions": as_ass(cues, plan.style, plan.width, plan.height).encode()}


def _sound(
    plan: EditPlan,
    taken: Sequence[Branch],
    inputs: Sequence[Feed],
    report: dict[str, Any],
    tools: Tools,
) -> str:
    """Makes ``[loud]``."""
    made = sound(plan, taken)
    if plan.loudness is None:
        return f"{made};[sound]anull[loud]"
    gain = gain_to(plan.loudness, measure(inputs, made, plan.seconds, tools))
    report |= gain.report
    return f"{made};[sound]{','.join(gain.filters)}[loud]"


def _report(plan: EditPlan, planned: float) -> dict[str, Any]:
    spans = [
        {
            "source": take.source,
            "start": round(float(span.start / plan.rate), 6),
            "end": round(float(span.end / plan.rate), 6),
            "speed": take.speed,
        }
        for take in plan.takes
        for span in take.spans
    ]
    report: dict[str, Any] = {"frames": plan.frames, "spans": len(spans), "copied": plan.copies}
    if plan.silence is not None:
        report["silence_seconds"] = round(planned - plan.seconds, 3)
        report["silence_method"] = plan.silence.method
    if missing := without_font(plan.words):
        report["letters_without_font"] = missing
    return report | {"timeline": spans[:_TOLD]}
