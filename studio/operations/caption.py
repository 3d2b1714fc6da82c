"""``POST /video/caption``: what is said, to read in the picture or beside it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field

from common.base.errors import Unresolvable
from common.contract.fields import worded
from common.contract.work import Adjustment
from studio.captions.cues import Cue, Transcript
from studio.captions.fonts import has_fonts
from studio.captions.reading import Captions, read_captions
from studio.captions.style import Style
from studio.captions.styled import as_ass
from studio.captions.timing import spoken_screens
from studio.captions.track import apart, as_srt
from studio.files import VIDEO
from studio.listening.languages import LANGUAGES, three_letters
from studio.listening.wish import Wish
from studio.operations.picture import EVEN, encoded_anew, encoding, kept, made_even, size_of
from studio.rendering.allowed import COPIED, copies_sound
from studio.rendering.ffmpeg import Feed, Recipe, render
from studio.rendering.tools import Tools
from studio.sources import CAPTIONS, MOVING, Facts, Found, Source, Wanted
from studio.tasks import Made, Operation, Plan, Planned, Task

AUTO = "auto"
LANGUAGE = worded(r"^[a-z]{2,3}$", 'must be the code of a language, as in "pt"')
_NO_GLYPH = re.compile(r"failed to find any fallback with glyph (0x[0-9A-Fa-f]+)")


class Caption(Task):
    """A video, and its captions."""

    operation: Literal["caption"] = "caption"
    video: Source | None = Field(
        None,
        validation_alias=AliasChoices("video", "url_video"),
        description="A finished job or an address; or upload it.",
    )
    captions: Literal["auto"] | Source | None = Field(
        None,
        validation_alias=AliasChoices("captions", "url_srt"),
        description="SRT, WebVTT or ASS: upload it, or name the job of a transcript or an address."
        " `auto`: what is heard in the video.",
    )
    mode: Literal["burn", "track"] = Field(
        "burn", description="Drawn into the picture, or beside it, for players to show."
    )
    style: Style = Field(Style(), description="How they look where they are drawn.")
    language: Annotated[str, Field(pattern=LANGUAGE)] | None = Field(
        None, description="Of what is said, as in `pt`; of `auto`, a help."
    )

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        video = {"video": Wanted(MOVING, self.video)}
        if self.captions == AUTO:
            return video
        return video | {"captions": Wanted(CAPTIONS, self.captions)}


class CaptionPlan(Plan):
    """Exactly how they are shown."""

    operation: Literal["caption"] = "caption"
    burns: bool = True
    style: Style = Style()
    language: str | None = None
    hears: bool = False
    copies_sound: bool = True
    copies: bool = True
    """The picture is taken as it is; not where they are drawn into it."""

    @property
    def needs_model(self) -> bool:
        return self.hears

    @property
    def asked(self) -> Wish:
        known = self.language in LANGUAGES
        return Wish(file="video", language=self.language if known else None)


def resolve(task: Caption, found: Found) -> Planned:
    """Raises Unresolvable."""
    video = found["video"]
    _check(task, video)
    copies = task.mode == "track" and video.codec in COPIED
    width, height = size_of(video, copies=copies)
    plan = CaptionPlan(
        seconds=video.seconds,
        width=width,
        height=height,
        fps=video.fps,
        burns=task.mode == "burn",
        style=task.style,
        language=task.language,
        hears=task.captions == AUTO,
        copies_sound=copies_sound(video.sound_codec, video.sound_rate),
        copies=copies,
    )
    return Planned(plan, tuple(_changes(plan, found)))


def _check(task: Caption, video: Facts) -> None:
    if task.mode == "burn" and not has_fonts():
        raise Unresolvable(
            "mode burn needs fonts, and this service has none.",
            param="mode",
            hint="Install some, as fonts-noto-core; or ask for mode track.",
        )
    if task.captions == AUTO and not video.has_sound:
        raise Unresolvable(
            "captions auto: the video has no sound.", param="captions", hint="Send captions."
        )
    if task.mode == "track" and task.language and three_letters(task.language) is None:
        raise Unresolvable(
            f"language: {task.language} is no code of ISO 639-1.",
            param="language",
            hint="Send one of two letters, as pt, or of three (ISO 639-2), as por.",
        )


def _changes(plan: CaptionPlan, found: Found) -> Iterator[Adjustment]:
    captions, video = found.get("captions"), found["video"]
    if captions is not None and captions.seconds > video.seconds:
        reason = "captions behind the end of the video are left out"
        asked, made = f"{captions.seconds:g} s", f"{video.seconds:g} s"
        yield Adjustment(field="captions", requested=asked, resolved=made, reason=reason)
    if not (plan.burns or plan.copies):
        yield encoded_anew(video)
    yield from made_even(video, plan)


def make(plan: CaptionPlan, heard: Transcript | None, tools: Tools) -> Made:
    """Raises what ``render`` raises."""
    captions = _captions(heard, tools)
    cues = [cue for cue in captions.cues if cue.start < plan.seconds]
    report: dict[str, Any] = {
        "captions": len(cues),
        "left_out": len(captions.cues) - len(cues) + captions.skipped,
        "overlaps": captions.overlaps,
        "encoding": captions.encoding,
    }
    recipe = _burned if plan.burns else _beside
    words = render(recipe(plan, captions, cues, tools), tools)
    if missing := sorted({found[1] for line in words if (found := _NO_GLYPH.search(line))}):
        report["letters_without_font"] = [chr(int(code, 16)) for code in missing]
    return Made(VIDEO.name, report)


def _captions(heard: Transcript | None, tools: Tools) -> Captions:
    if heard is not None:
        return Captions(heard.cues)
    return read_captions(tools.files["captions"].read_bytes())


def _burned(plan: CaptionPlan, captions: Captions, cues: Sequence[Cue], tools: Tools) -> Recipe:
    """A file in ASS looks as its author wished."""
    if captions.styled is not None:
        text = captions.styled.to_string("ass")
    else:
        text = as_ass(cues, plan.style, plan.width, plan.height)
    picture = ("-map", "[shown]", *encoding(plan, tools.encoder))
    return Recipe(
        feeds=(Feed(tools.files["video"]),),
        filters=f"[0:V:0]{EVEN},ass=f={{captions}}[shown]",
        output=(*picture, *_sound(plan), *_end(plan)),
        name=VIDEO.name,
        seconds=plan.seconds,
        beside={"captions": text.encode()},
    )


def _beside(plan: CaptionPlan, _captions: Captions, cues: Sequence[Cue], tools: Tools) -> Recipe:
    picture = kept(plan, tools, copies=plan.copies)
    text = Feed(as_srt(apart(list(spoken_screens(cues)))).encode(), ("-f", "srt"))
    language = three_letters(plan.language or "")
    named = ("-metadata:s:s:0", f"language={language}") if language else ()
    shown = ("-map", "1:s:0", "-c:s", "mov_text", "-disposition:s:0", "default", *named)
    return Recipe(
        feeds=(Feed(tools.files["video"]), text),
        filters="",
        output=(*picture, *_sound(plan), *shown, *_end(plan)),
        name=VIDEO.name,
        seconds=plan.seconds,
    )


def _sound(plan: CaptionPlan) -> tuple[str, ...]:
    kept = ("-c:a", "copy") if plan.copies_sound else ("-c:a", "aac", "-b:a", "192k")
    return ("-map", "0:a:0?", *kept)


def _end(plan: CaptionPlan) -> tuple[str, ...]:
    return ("-t", f"{plan.seconds:.6f}", "-movflags", "+faststart", "-f", "mp4")


CAPTION = Operation(
    path="/video/caption",
    summary="Give a video captions",
    description="Drawn into the picture in a style, or as a track that players show.",
    task=Caption,
    plan=CaptionPlan,
    resolve=resolve,
    make=make,
)
