"""Exactly which film is made, and what is told of it."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from studio.operations.film.motion import Motion
from studio.tasks import Plan

_BYTES_A_PIXEL_READ = 22
"""Of the largest picture while it is read, here and in the child: JPEG 14, PNG 16, WebP 22."""
_BYTES_A_PIXEL = 21
"""Of a frame at the closest zoom: three canvases, each with 1.5 times the sides, in RGB."""


class ShotPlan(BaseModel):
    """One picture of the film."""

    model_config = ConfigDict(frozen=True)

    image: str
    """The input's name."""
    frames: int
    """From its beginning to the next one's."""
    motion: Motion
    cut_width: float = 0
    """Share of the picture that is never seen, for its shape is another one than the film's."""
    cut_height: float = 0
    enlarged: float = 1
    """How many times, where the camera is closest."""


class FilmPlan(Plan):
    """All of them, in order."""

    operation: Literal["img2vid"] = "img2vid"
    listens: ClassVar[bool] = False
    clips: bool = False
    shots: tuple[ShotPlan, ...] = ()
    crossfade: int = 0
    """Frames."""
    zoom: float = 1
    pads: bool = False
    loops: bool = False
    """The music."""
    fade_out: float = 0
    pixels_read: int = 0
    """Of the largest picture."""

    @property
    def num_frames(self) -> int:
        """Of all shots."""
        return sum(shot.frames for shot in self.shots)

    @property
    def bytes_beside(self) -> int:
        pixels = self.width * self.height * self.zoom**2
        return _BYTES_A_PIXEL_READ * self.pixels_read + int(_BYTES_A_PIXEL * pixels)


def report_of(plan: FilmPlan) -> Iterator[tuple[str, object]]:
    """What a client is told of it."""
    yield "num_frames", plan.num_frames
    yield "seconds", round(plan.seconds, 3)
    yield "pictures", len(plan.shots)
    if not plan.clips:
        yield "begins", [round(at / plan.fps, 3) for at in begins(plan)]
    yield (
        "cropped",
        [
            {"image": index, "cut_width": shot.cut_width, "cut_height": shot.cut_height}
            for index, shot in enumerate(plan.shots)
            if shot.cut_width or shot.cut_height
        ],
    )
    yield (
        "enlarged",
        [
            {"image": index, "times": shot.enlarged}
            for index, shot in enumerate(plan.shots)
            if shot.enlarged > 1
        ],
    )


def begins(plan: FilmPlan) -> Iterator[int]:
    """The first frame of each shot."""
    at = 0
    for shot in plan.shots:
        yield at
        at += shot.frames
