"""Larger frames, by Real-ESRGAN's networks, on the CPU through ncnn.

The weights are those of xinntao/Real-ESRGAN (BSD-3-Clause, ``weights/LICENSE``) in ncnn's format:
``realesr-animevideov3``, small and for videos, lies here; ``realesrgan-x4plus``, for photographs,
is brought by ``scripts/fetch_upscalers.py``. Frames go through in tiles, so that memory does not
grow with their size.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from common.base.errors import CheckpointError
from common.media.clip import VideoClip

WEIGHTS = Path(__file__).with_name("weights")
TILE = 256
MARGIN = 12
"""Pixels around a tile that it sees and does not fill: more than the small network looks far, and
as far as the authors' own program lets the large one look (10)."""
X4PLUS_TILE = 128
"""Its 23 blocks are wide: a tile of 256 would take over 3 GB."""

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Weights:
    """A network's files: input ``data``, output ``output``, RGB in [0, 1]."""

    stem: Path
    """A .param and a .bin of this name."""
    scale: int
    """Times the sides that it makes."""
    tile: int
    """Side of what goes through at once, in pixels, without its margin."""


@dataclass(frozen=True)
class Network:
    """A network in memory."""

    weights: Weights
    net: Any


def animevideo(scale: int) -> Weights:
    """The small one, which there is for twice and for four times."""
    return Weights(WEIGHTS / f"realesr-animevideov3-x{scale}", scale, TILE)


def x4plus(stem: Path) -> Weights:
    """The large one; it has no form for twice."""
    return Weights(stem, 4, X4PLUS_TILE)


def opened(weights: Weights) -> Network:
    """Read it.

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    import ncnn  # only who asks for it pays for it

    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = len(os.sched_getaffinity(0))
    param, binary = (f"{weights.stem}{suffix}" for suffix in (".param", ".bin"))
    if net.load_param(param) or net.load_model(binary):
        raise CheckpointError(
            f"the files of {weights.stem.name} are missing or damaged.",
            hint="Run: scripts/download_models.sh upscalers",
        )
    return Network(weights, net)


@cache
def _small(scale: int) -> Network:
    return opened(animevideo(scale))


def upscaled(clip: VideoClip, scale: int, network: Network | None = None) -> VideoClip:
    """The same frames at ``scale`` (2 or 4) times the sides; by the small network if not said."""
    return replace(
        clip,
        frames=_enlarged(clip.frames, scale, network or _small(scale)),
        width=clip.width * scale,
        height=clip.height * scale,
    )


def _enlarged(chunks: Iterator[Frame], scale: int, network: Network) -> Iterator[Frame]:
    for chunk in chunks:
        for frame in chunk:
            yield enlarged(frame, scale, network)[None]


def enlarged(frame: Frame, scale: int, network: Network | None = None) -> Frame:
    """One frame [height, width, 3].

    What the network made, averaged over each old pixel, is that pixel again: it may add details,
    and no colour.
    """
    height, width = frame.shape[:2]
    made = _by_tiles(np.ascontiguousarray(frame), network or _small(scale))
    if made.shape[0] != height * scale:
        size = (width * scale, height * scale)
        made = np.asarray(cv2.resize(made, size, interpolation=cv2.INTER_AREA), np.float32)
    again = cv2.resize(made, (width, height), interpolation=cv2.INTER_AREA)
    missing = frame.astype(np.float32) - again
    made += cv2.resize(missing, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    large: Frame = np.clip(made + 0.5, 0, 255).astype(np.uint8)
    return large


def _by_tiles(frame: Frame, network: Network) -> NDArray[np.float32]:
    (height, width), scale, side = frame.shape[:2], network.weights.scale, network.weights.tile
    made = np.empty((height * scale, width * scale, 3), np.float32)
    around = np.pad(frame, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), "edge")
    for top in range(0, height, side):
        for left in range(0, width, side):
            bottom, right = min(top + side, height), min(left + side, width)
            seen = around[top : bottom + 2 * MARGIN, left : right + 2 * MARGIN]
            tile, edge = _run(np.ascontiguousarray(seen), network), MARGIN * scale
            place = np.s_[top * scale : bottom * scale, left * scale : right * scale]
            made[place] = tile[edge:-edge, edge:-edge]
    return made


def _run(tile: Frame, network: Network) -> NDArray[np.float32]:
    import ncnn

    height, width = tile.shape[:2]
    given = ncnn.Mat.from_pixels(tile, ncnn.Mat.PixelType.PIXEL_RGB, width, height)
    given.substract_mean_normalize([], [1 / 255] * 3)
    extractor = network.net.create_extractor()
    extractor.input("data", given)
    _, found = extractor.extract("output")
    made: NDArray[np.float32] = np.array(found).transpose(1, 2, 0) * 255
    return made
