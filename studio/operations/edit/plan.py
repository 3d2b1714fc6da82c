"""What an edit makes, exactly. Times are frames at one steady rate."""

from fractions import Fraction
from typing import Literal

from pydantic import BaseModel, ConfigDict

from common.media.codecs import frame_rate
from studio.captions.style import Style
from studio.listening.wish import Wish
from studio.operations.edit.task import Place, Silence
from studio.tasks import Plan

_BYTES_A_PIXEL = 9
"""Of a source, for each further decoder: 17 MB at 1920x1080, measured with 40."""
_BYTES_A_LAID_PIXEL = 8
"""Of a layer, as sent and as shown: 4 and 7 with five of 4000x4000 and nine of 1920x1080."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Span(_Frozen):
    """Frames ``start`` up to ``end``, without that one, of a source at the film's rate."""

    start: int
    end: int

    @property
    def frames(self) -> int:
        """How many."""
        return self.end - self.start


class Take(_Frozen):
    """Spans of one source, in order, which follow each other in the film."""

    source: str
    spans: tuple[Span, ...]
    speed: float = 1
    gain: float = 0
    mute: bool = False

    @property
    def kept(self) -> int:
        """Frames of the source."""
        return sum(span.frames for span in self.spans)

    @property
    def frames(self) -> int:
        """Of the film."""
        return max(1, round(self.kept / self.speed)) if self.spans else 0


class Shown(_Frozen):
    """When and where something lies over the film: frames ``start`` up to ``end``."""

    start: int
    end: int
    place: Place
    margin: int
    """Pixels to the edges."""


class Picture(Shown):
    """An overlay, so many pixels wide."""

    source: str
    width: int
    height: int
    opacity: float


class Words(Shown):
    """A text; a line is ``size`` pixels high."""

    text: str
    size: int
    colour: str
    outline: bool


class EditPlan(Plan):
    """A film of takes."""

    operation: Literal["edit"] = "edit"
    takes: tuple[Take, ...] = ()
    has_sound: bool = False
    fit: Literal["crop", "pad"] = "crop"
    focus: float = 0.5
    pictures: tuple[Picture, ...] = ()
    words: tuple[Words, ...] = ()
    fade_in: float = 0
    fade_out: float = 0
    silence: Silence | None = None
    """What is taken out besides, once it is found: ``takes`` have it still."""
    loudness: float | None = None
    hears: str = ""
    """The source that the model listens to; empty where there are no captions."""
    style: Style = Style()
    """Of captions."""
    copies: bool = False
    """All of one video, with nothing to draw: its picture is copied."""
    copies_sound: bool = False

    largest: int = 0
    """Pixels of the largest source."""
    laid: int = 0
    """Pixels of all that lies over the film, as sent and as shown."""

    @property
    def needs_model(self) -> bool:
        return bool(self.hears)

    @property
    def unseen(self) -> bool:
        return self.silence is not None

    @property
    def asked(self) -> Wish:
        return Wish(file=self.hears or None)

    @property
    def bytes_beside(self) -> int:
        takes = _BYTES_A_PIXEL * self.largest * max(0, len(self.takes) - 1)
        return takes + _BYTES_A_LAID_PIXEL * self.laid

    @property
    def rate(self) -> Fraction:
        """Frames a second, exactly."""
        return frame_rate(self.fps)

    @property
    def frames(self) -> int:
        """Of the film."""
        return sum(take.frames for take in self.takes)
