"""Larger frames, by Real-ESRGAN's small network for videos, on the CPU through ncnn.

The weights are ``realesr-animevideov3`` of xinntao/Real-ESRGAN (BSD-3-Clause, ``weights/LICENSE``)
in ncnn's format: input ``data``, output ``output``, RGB in [0, 1]. Frames go through in tiles, so
that memory does not grow with their size.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from common.media.clip import VideoClip

WEIGHTS = Path(__file__).with_name("weights")
TILE = 256
MARGIN = 12
"""Pixels around a tile that it sees and does not fill: more than the network looks far."""

Frame = NDArray[np.uint8]


def upscaled(clip: VideoClip, scale: int) -> VideoClip:
    """The same frames at ``scale`` (2 or 4) times the sides."""
    return replace(
        clip,
        frames=_enlarged(clip.frames, scale),
        width=clip.width * scale,
        height=clip.height * scale,
    )


def _enlarged(chunks: Iterator[Frame], scale: int) -> Iterator[Frame]:
    for chunk in chunks:
        for frame in chunk:
            yield enlarged(frame, scale)[None]


def enlarged(frame: Frame, scale: int) -> Frame:
    """One frame [height, width, 3].

    What the network made, averaged over each old pixel, is that pixel again: it may add details,
    and no colour.
    """
    made = _by_tiles(np.ascontiguousarray(frame), scale)
    height, width = frame.shape[:2]
    again = cv2.resize(made, (width, height), interpolation=cv2.INTER_AREA)
    missing = frame.astype(np.float32) - again
    made += cv2.resize(missing, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    large: Frame = np.clip(made + 0.5, 0, 255).astype(np.uint8)
    return large


def _by_tiles(frame: Frame, scale: int) -> NDArray[np.float32]:
    height, width = frame.shape[:2]
    made = np.empty((height * scale, width * scale, 3), np.float32)
    around = np.pad(frame, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), "edge")
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            seen = around[top : bottom + 2 * MARGIN, left : right + 2 * MARGIN]
            tile, edge = _run(np.ascontiguousarray(seen), scale), MARGIN * scale
            place = np.s_[top * scale : bottom * scale, left * scale : right * scale]
            made[place] = tile[edge:-edge, edge:-edge]
    return made


def _run(tile: Frame, scale: int) -> NDArray[np.float32]:
    import ncnn  # only who asks for it pays for it

    height, width = tile.shape[:2]
    given = ncnn.Mat.from_pixels(tile, ncnn.Mat.PixelType.PIXEL_RGB, width, height)
    given.substract_mean_normalize([], [1 / 255] * 3)
    extractor = _network(scale).create_extractor()
    extractor.input("data", given)
    _, found = extractor.extract("output")
    made: NDArray[np.float32] = np.array(found).transpose(1, 2, 0) * 255
    return made


@cache
def _network(scale: int) -> Any:
    import ncnn

    network = ncnn.Net()
    network.opt.use_vulkan_compute = False
    network.opt.num_threads = len(os.sched_getaffinity(0))
    name = f"realesr-animevideov3-x{scale}"
    network.load_param(str(WEIGHTS / f"{name}.param"))
    network.load_model(str(WEIGHTS / f"{name}.bin"))
    return network
