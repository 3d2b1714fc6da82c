"""Draws the frames of a film, one after the other: no more than a few are alive at once.

OpenCV spreads each frame over all cores by itself.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np

from studio.operations.film.canvas import Pixels
from studio.operations.film.motion import Motion, matrix_of, view_at
from studio.operations.film.plan import FilmPlan, ShotPlan
from studio.operations.film.shapes import Size


class Camera:
    """Moves over one canvas."""

    def __init__(self, canvas: Pixels, frame: Size, motion: Motion, zoom: float) -> None:
        self._canvas = canvas
        self._frame = frame
        self._motion: Motion = motion
        self._zoom = zoom

    def frame_at(self, part: float) -> Pixels:
        """When ``part`` of the motion is over: RGB [height, width, 3]."""
        size = self._canvas.shape[1], self._canvas.shape[0]
        matrix = matrix_of(view_at(self._motion, self._zoom, part), self._frame, size)
        drawn = cv2.warpAffine(
            self._canvas,
            np.array(matrix),
            self._frame,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(drawn, np.uint8)


class Shown:
    """One shot while it is in the film, with the frames that it has left behind its own end."""

    def __init__(self, plan: FilmPlan, shot: ShotPlan, canvas: Pixels, *, last: bool) -> None:
        frame = plan.width, plan.height
        self._camera = Camera(canvas, frame, shot.motion, plan.zoom)
        self._frames = shot.frames + (0 if last else plan.crossfade)
        self._behind = shot.frames

    def at(self, on: int) -> Pixels:
        """Its frame ``on``, from 0."""
        return self._camera.frame_at(on / self._frames)

    def after_end(self, on: int) -> Pixels:
        """The frame ``on`` of those that the next shot appears over."""
        return self.at(self._behind + on)


def film_of(plan: FilmPlan, open_canvas: Callable[[ShotPlan], Pixels]) -> "Iterator[Pixels]":
    """All frames, [1, height, width, 3] each.

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
    shots: Sequence[ShotPlan], open_canvas: Callable[[ShotPlan], Pixels]
) -> "Iterator[Pixels]":
    """The canvas of each shot; the next one is made while one is used."""
    with ThreadPoolExecutor(1, "picture") as reader:
        coming: list[Future[Pixels]] = [reader.submit(open_canvas, shots[0])]
        for following in [*shots[1:], None]:
            canvas = coming.pop().result()
            if following is not None:
                coming.append(reader.submit(open_canvas, following))
            yield canvas


def _mixed(old: Pixels, new: Pixels, part: float) -> Pixels:
    return np.asarray(cv2.addWeighted(old, 1 - part, new, part, 0), np.uint8)
