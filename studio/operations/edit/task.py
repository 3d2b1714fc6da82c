"""What may be asked of an edit."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import AliasChoices, ConfigDict, Field

from common.contract.fields import Colour, worded
from common.contract.left_out import MayBeLeftOut
from studio.captions.style import Style
from studio.rendering.loudness import Loudness
from studio.sources import MOVING, SHOWN, Form, Source, Wanted
from studio.tasks import Task

MAX_CLIPS = 500
MAX_TAKES = 40
"""Inputs of ffmpeg, each with its decoder. Clips that go on in one video share one."""
MAX_CUTS = 1000
MAX_LAYERS = 20
MAX_SECONDS = 4 * 3600.0

Time = Annotated[float, Field(ge=0, le=MAX_SECONDS, description="Seconds.")]
NAME = worded(r"^[a-z0-9][a-z0-9_-]{0,31}$", "must be small letters, digits, _ and -, at most 32")
Name = Annotated[str, Field(pattern=NAME)]
RESOLUTION = worded(
    r"^\d{2,4}x\d{2,4}$", 'must be width x height in pixels, 10 to 9999 each, as in "1080x1920"'
)
Share = Annotated[float, Field(ge=0, le=1)]
Place = Literal[
    "top-left",
    "top",
    "top-right",
    "left",
    "center",
    "right",
    "bottom-left",
    "bottom",
    "bottom-right",
]
Aspect = Literal["16:9", "9:16", "1:1", "4:5", "source"]


class _Part(MayBeLeftOut):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cut(_Part):
    """What is taken out of a clip."""

    start: Time = Field(description="Seconds of the source.")
    end: Time


class Clip(_Part):
    """A part of a video, as it comes into the film."""

    source: Name = Field("video", description="One of `inputs`, or `video`.")
    start: Time = Field(0, description="Seconds of the source.")
    end: Time | None = Field(None, description="Null: up to its end.")
    cut: tuple[Cut, ...] = Field(
        (), max_length=MAX_CUTS, description="Spans of the source that are left out."
    )
    speed: float = Field(1, ge=0.25, le=8, description="2: twice as fast. Voices keep their pitch.")
    gain: float = Field(0, ge=-60, le=24, description="Of its sound, in dB.")
    mute: bool = Field(False, description="Without its sound.")


class Silence(_Part):
    """How silence is found, and taken out of every clip."""

    method: Literal["voice", "level", "none"] = Field(
        "voice", description="What is kept: speech, or whatever is loud enough."
    )
    margin: float = Field(0.2, ge=0, le=5, description="Seconds kept on both sides of it.")
    threshold: float = Field(0.04, gt=0, lt=1, description="By `level`: a share of full scale.")
    min_silence: float = Field(0.5, ge=0.05, le=60, description="Shorter ones stay, in seconds.")
    min_clip: float = Field(0.2, ge=0, le=60, description="Shorter sounds count as silence.")


class _Shown(_Part):
    start: Time = Field(0, description="Seconds of the finished film.")
    end: Time | None = Field(None, description="Null: up to its end.")


class Overlay(_Shown):
    """A picture over the film."""

    source: Name = Field("overlay", description="One of `inputs`, or the uploaded `overlay`.")
    place: Place = "top-right"
    width: float = Field(0.2, gt=0, le=1, description="Its width, as a share of the film's.")
    margin: float = Field(0.03, ge=0, le=0.5, description="To the edges: a share of the width.")
    opacity: Share = 1.0


class Text(_Shown):
    """Words over the film. They are drawn as they are: nothing in them is a command."""

    text: str = Field(min_length=1, max_length=500, pattern=worded(r"\S", "must say something"))
    place: Place = "bottom"
    size: float = Field(0.06, gt=0.005, le=0.5, description="Of a line: a share of the height.")
    margin: float = Field(0.06, ge=0, le=0.5, description="To the edges: a share of the width.")
    colour: Colour = "#ffffff"
    outline: bool = Field(True, description="With a dark edge, to be read on any picture.")


class Look(_Part):
    """What a template may set; a request overrides it, field by field."""

    aspect: Aspect | None = Field(None, description="Null, or `source`: as the first clip.")
    fit: Literal["crop", "pad"] | None = Field(
        None, description="A clip of another shape: fill the frame (the default), or add bars."
    )
    focus: Share | None = Field(
        None, description="Where a cropped picture is looked at: 0 left or top, 0.5, 1."
    )
    resolution: Annotated[str, Field(pattern=RESOLUTION)] | None = Field(
        None, description="Such as 1080x1920; in place of `aspect`."
    )
    fps: float | None = Field(None, ge=1, le=120, description="Null: as the first clip.")
    silence: Silence | None = Field(None, description="Takes pauses out of all clips.")
    fade_in: float | None = Field(None, ge=0, le=60, description="Seconds, picture and sound.")
    fade_out: float | None = Field(None, ge=0, le=60)
    loudness: Loudness | None = Field(None, description="LUFS of the whole film, such as -14.")
    captions: Literal["auto", "none"] | None = Field(
        None, description="`auto`: what is spoken is written into the picture."
    )
    style: Style | None = Field(None, description="How captions look.")


class Edit(Task, Look):
    """A timeline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operation: Literal["edit"] = "edit"
    video: Source | None = Field(
        None,
        validation_alias=AliasChoices("video", "url_video"),
        description="A finished job or an address; or upload it.",
    )
    inputs: dict[Name, Source] = Field(
        {}, max_length=MAX_CLIPS, description="More files, by names that clips and overlays use."
    )
    clips: tuple[Clip, ...] = Field(
        (), max_length=MAX_CLIPS, description="In their order; empty: all of `video`."
    )
    overlays: tuple[Overlay, ...] = Field((), max_length=MAX_LAYERS)
    texts: tuple[Text, ...] = Field((), max_length=MAX_LAYERS)
    template: str | None = Field(
        None, max_length=64, description="Sets what is left out. `GET /video/templates` lists them."
    )

    @property
    def timeline(self) -> tuple[Clip, ...]:
        """Its clips, or the one that stands for none."""
        return self.clips or (Clip(),)

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        return dict(self._wanted())

    def _wanted(self) -> Iterator[tuple[str, Wanted]]:
        """Pictures first: a name that is both is wanted as the video of a clip."""
        yield from self._of(SHOWN, "overlay", [one.source for one in self.overlays])
        yield from self._of(MOVING, "video", [one.source for one in self.timeline])

    def _of(
        self, forms: frozenset[Form], own: str, used: Sequence[str]
    ) -> Iterator[tuple[str, Wanted]]:
        """The field of its own first, which may be sent and has to be where it is used."""
        yield own, Wanted(forms, self._said_of(own), needed=own in used)
        for name in used:
            if name in self.inputs:
                yield name, Wanted(forms, self.inputs[name])

    def _said_of(self, name: str) -> Source | None:
        return self.inputs.get(name, self.video if name == "video" else None)
