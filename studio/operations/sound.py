"""``POST /video/addaudio``: another sound for a video, or one more."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, Field

from common.base.errors import Unresolvable
from common.contract.work import Adjustment
from studio.files import VIDEO
from studio.operations.mixing import Mix, graph
from studio.operations.picture import encoded_anew, kept, made_even, size_of
from studio.rendering.allowed import COPIED
from studio.rendering.ffmpeg import Feed, Recipe, render
from studio.rendering.loudness import Loudness, gain_to, measure
from studio.rendering.tools import Tools
from studio.sources import MOVING, SOUNDING, Found, Source, Wanted, check_sound
from studio.tasks import Made, Operation, Plan, Planned, Task

Gain = Annotated[float, Field(ge=-60, le=24)]
Fade = Annotated[float, Field(ge=0, le=60)]
_SAME = 0.05
"""Seconds. An encoder of sound works in blocks: so much more or less is no difference."""


class AddAudio(Task):
    """A video, and the sound that it gets."""

    operation: Literal["addaudio"] = "addaudio"
    video: Source | None = Field(
        None,
        validation_alias=AliasChoices("video", "url_video"),
        description="A finished job or an address; or upload it.",
    )
    audio: Source | None = Field(
        None,
        validation_alias=AliasChoices("audio", "url_audio"),
        description="Likewise. Of a video its sound is taken.",
    )
    mode: Literal["replace", "mix"] = Field(
        "replace", description="`mix` keeps the video's own sound beside it."
    )
    fit: Literal["cut", "loop"] = Field(
        "cut", description="Sound that is too short: leave the rest silent, or begin again."
    )
    gain: Gain = Field(0, description="Of the sound that is added, in dB.")
    fade_in: Fade = Field(0, description="Seconds.")
    fade_out: Fade = Field(0, description="Seconds, up to where it ends.")
    duck: bool = Field(
        False,
        description="With `mix`: the sound that is added goes down while the video's own is heard.",
    )
    loudness: Loudness | None = Field(
        None, description="LUFS that all of it is brought to, such as -14; null leaves it."
    )

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        return {"video": Wanted(MOVING, self.video), "audio": Wanted(SOUNDING, self.audio)}


class AddAudioPlan(Plan, Mix):
    """Exactly how it is mixed."""

    operation: Literal["addaudio"] = "addaudio"
    listens: ClassVar[bool] = False
    loops: bool = False
    loudness: float | None = None
    copies: bool = True
    """The picture is taken as it is, bit by bit."""


def resolve(task: AddAudio, found: Found) -> Planned:
    """Raises Unresolvable."""
    check_sound(found, "audio", "Send a file that is heard.")
    video, audio = found["video"], found["audio"]
    loops = task.fit == "loop" and audio.seconds < video.seconds
    heard = video.seconds if loops else min(video.seconds, audio.seconds)
    _check(task, heard)
    mixes = task.mode == "mix" and video.has_sound
    copies = video.codec in COPIED
    width, height = size_of(video, copies=copies)
    plan = AddAudioPlan(
        seconds=video.seconds,
        width=width,
        height=height,
        fps=video.fps,
        mixes=mixes,
        ducks=mixes and task.duck,
        loops=loops,
        heard=heard,
        gain=task.gain,
        fade_in=task.fade_in,
        fade_out=task.fade_out,
        loudness=task.loudness,
        copies=copies,
    )
    return Planned(plan, tuple(_changes(task, found, plan)))


def _check(task: AddAudio, heard: float) -> None:
    if task.duck and task.mode != "mix":
        raise Unresolvable(
            "duck: the video's own sound is replaced, so nothing is heard to make room for.",
            param="duck",
            hint="Send mode=mix with it.",
        )
    if task.fade_in + task.fade_out > heard:
        raise Unresolvable(
            f"fade_in and fade_out are longer than the sound is heard, {heard:g} s.",
            param="fade_out",
            hint="Make them shorter.",
        )


def _changes(task: AddAudio, found: Found, plan: AddAudioPlan) -> list[Adjustment]:
    changes = list[Adjustment]()
    if task.mode == "mix" and not plan.mixes:
        reason = "the video has no sound of its own"
        changes.append(Adjustment(field="mode", requested="mix", resolved="replace", reason=reason))
    if not plan.copies:
        changes += [encoded_anew(found["video"]), *made_even(found["video"], plan)]
    return changes


def make(plan: AddAudioPlan, _heard: None, tools: Tools) -> Made:
    """The picture is copied where that can be. Raises what ``render`` raises."""
    looped = ("-stream_loop", "-1") if plan.loops else ()
    feeds = (Feed(tools.files["video"]), Feed(tools.files["audio"], looped))
    sound, report = graph(plan, plan.seconds), _report(plan, tools)
    if plan.loudness is not None:
        gain = gain_to(plan.loudness, measure(feeds, sound, plan.seconds, tools))
        sound += f";[sound]{','.join(gain.filters)}[loud]"
        report |= gain.report
    made = "[loud]" if plan.loudness is not None else "[sound]"
    picture = kept(plan, tools, copies=plan.copies)
    output = (*picture, "-map", made, *SOUND, *MP4)
    render(Recipe(feeds, sound, output, VIDEO.name, plan.seconds), tools)
    return Made(VIDEO.name, report)


SOUND = ("-c:a", "aac", "-b:a", "192k")
MP4 = (
    *("-map_metadata", "-1", "-map_chapters", "-1"),
    *("-movflags", "+faststart", "-f", "mp4"),
)
"""What a camera wrote beside the picture, where it was taken among that, is nobody's business."""


def _report(plan: AddAudioPlan, tools: Tools) -> dict[str, Any]:
    """What became of the sound that was added."""
    length = tools.found["audio"].seconds
    padded = 0.0 if plan.loops else _more(plan.seconds, length)
    cut = 0.0 if plan.loops else _more(length, plan.seconds)
    report: dict[str, Any] = {"padded_seconds": padded, "cut_seconds": cut}
    if plan.loops:
        report["plays"] = round(plan.seconds / length, 2)
    return report


def _more(one: float, other: float) -> float:
    return round(one - other, 3) if one - other > _SAME else 0.0


ADD_AUDIO = Operation(
    path="/video/addaudio",
    summary="Give a video another sound",
    description="In place of its own, or mixed with it. The picture stays as it is, bit by bit.",
    task=AddAudio,
    plan=AddAudioPlan,
    resolve=resolve,
    make=make,
)
