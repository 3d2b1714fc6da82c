"""Draws the frames of a film, one after the other: no more than a few are alive at once.

OpenCV spreads each frame over all cores by itself.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.operations.film.motion import Motion, matrix_of, view_at
from studio.operations.film.plan import FilmPlan, ShotPlan
from studio.operations.film.planes import Frame, Planes
from studio.operations.film.shapes import Size

Drawn = NDArray[np.uint8]
"""A frame as the encoder takes it: [height * 3 // 2, width]."""


class Camera:
    """Moves over one canvas."""

    def __init__(self, canvas: Planes, frame: Size, motion: Motion, zoom: float) -> None:
        self._canvas = canvas
        self._frame = frame
        self._motion: Motion = motion
        self._zoom = zoom

    def frame_at(self, part: float) -> Drawn:
        """When ``part`` of the motion is over."""
        frame, view = Frame(self._frame), view_at(self._motion, self._zoom, part)
        frame.draw(self._canvas, matrix_of(view, self._frame, self._canvas.size))
        return frame.pixels


class Shown:
    """One shot while it is in the film, with the frames that it has left behind its own end."""

    def __init__(self, plan: FilmPlan, shot: ShotPlan, canvas: Planes, *, last: bool) -> None:
        frame = plan.width, plan.height
        self._camera = Camera(canvas, frame, shot.motion, plan.zoom)
        self._frames = shot.frames + (0 if last else plan.crossfade)
        self._behind = shot.frames

    def at(self, on: int) -> Drawn:
        """Its frame ``on``, from 0."""
        return self._camera.frame_at(on / self._frames)

    def after_end(self, on: int) -> Drawn:
        """The frame ``on`` of those that the next shot appears over."""
        return self.at(self._behind + on)


def film_of(plan: FilmPlan, open_canvas: Callable[[ShotPlan], Planes]) -> "Iterator[Drawn]":
    """All frames, [1, height * 3 // 2, width] each, `PixelFormat.YUV420P`.

    The next picture is read while one is shown. Raises what ``open_canvas`` raises.
    """
    before: Shown | None = None
    canvases = ahead(plan.shots, open_canvas)
    for index, (shot, canvas) in enumerate(zip(plan.shots, canvases, strict=True)):
        shown = Shown(plan, shot, canvas, last=index == len(plan.shots) - 1)
        for on in range(shot.frames):
            frame = shown.at(on)
            if before is not None and on < plan.crossfade:
                frame = _mixed(before.after_end(on), frame, (on + 1) / (plan.crossfade + 1))
            yield frame[None]
        before = shown


def ahead(
    shots: Sequence[ShotPlan], open_canvas: Callable[[ShotPlan], Planes]
) -> "Iterator[Planes]":
    """The canvas of each shot; the next one is made while one is used."""
    with ThreadPoolExecutor(1, "picture") as reader:
        coming: list[Future[Planes]] = [reader.submit(open_canvas, shots[0])]
        for following in [*shots[1:], None]:
            canvas = coming.pop().result()
            if following is not None:
                coming.append(reader.submit(open_canvas, following))
            yield canvas


def _mixed(old: Drawn, new: Drawn, part: float) -> Drawn:
    return np.asarray(cv2.addWeighted(old, 1 - part, new, part, 0), np.uint8)
