"""Frames between frames: what moves is followed both ways, and what lies in between is warped.

Optical flow is OpenCV's DIS (Kroeger et al., arXiv 1603.03590). A pixel of a frame between may be
reached by the flow that leaves the first frame or by the one that comes back from the second: of
both, and of no motion at all, that one is taken on which the two frames agree best.
"""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from common.media.clip import VideoClip

AGREEMENT_PIXELS = 7
"""Side of the square over which two frames must agree: a single pixel agrees by chance."""
CUT = 24.0
"""Mean difference, of 255, between frames that no motion leads to each other: a cut."""
MOVES_MORE = 0.98
"""How much better standing still must agree than moving: a plain ground agrees with everything."""

Frame = NDArray[np.uint8]
Flow = NDArray[np.float32]


def interpolated(clip: VideoClip, exp: int) -> VideoClip:
    """2^exp times the rate, (n - 1) 2^exp + 1 frames; it plays as long as before, to a frame."""
    factor = 2**exp
    return replace(
        clip,
        frames=_filled(clip.frames, Between(clip.width, clip.height), factor),
        num_frames=(clip.num_frames - 1) * factor + 1,
        fps=clip.fps * factor,
    )


def _filled(chunks: Iterator[Frame], between: "Between", factor: int) -> Iterator[Frame]:
    last: Frame | None = None
    for chunk in chunks:
        for frame in chunk:
            if last is not None:
                yield np.stack([*between(last, frame, factor), frame])
            else:
                yield frame[None]
            last = frame


class Between:
    """Makes frames between two of [height, width, 3]."""

    def __init__(self, width: int, height: int) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        self._grid = np.stack([columns, rows], axis=-1).astype(np.float32)

    def __call__(self, first: Frame, second: Frame, factor: int) -> list[Frame]:
        """``factor`` - 1 frames, evenly in time."""
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)]
        there: Flow = self._dis.calc(grey[0], grey[1], None)  # type: ignore[call-overload]
        back: Flow = self._dis.calc(grey[1], grey[0], None)  # type: ignore[call-overload]
        motions = (there, -back, np.zeros_like(there))
        return [self._at(first, second, motions, part / factor) for part in range(1, factor)]

    def _at(self, first: Frame, second: Frame, motions: tuple[Flow, ...], time: float) -> Frame:
        pairs = [
            (self._moved(first, -time * flow), self._moved(second, (1 - time) * flow))
            for flow in motions
        ]
        differences = [_difference(*pair) for pair in pairs]
        differences[-1] = differences[-1] * (1 / MOVES_MORE) + 1e-3
        chosen = np.argmin(differences, axis=0)[..., None]
        if float(np.min(differences, axis=0).mean()) > CUT:
            return first if time < 0.5 else second
        mixed = [cv2.addWeighted(one, 1 - time, other, time, 0) for one, other in pairs]
        between: Frame = np.choose(chosen, mixed).astype(np.uint8)
        return between

    def _moved(self, frame: Frame, by: Flow) -> Frame:
        """What the frame has at each place moved by so many pixels."""
        linear, edge = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        moved = cv2.remap(frame, self._grid + by, None, linear, borderMode=edge)  # type: ignore[call-overload]
        return np.asarray(moved, np.uint8)


def _difference(one: Frame, other: Frame) -> NDArray[np.float32]:
    plain = cv2.absdiff(one, other).astype(np.float32).mean(axis=-1)
    smooth: NDArray[np.float32] = cv2.blur(plain, (AGREEMENT_PIXELS, AGREEMENT_PIXELS))
    return smooth
