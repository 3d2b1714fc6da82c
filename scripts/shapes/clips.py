"""The set as latents of the linear code: drawn once, and kept for as long as is trained on them.

``python -m scripts.shapes.clips {wan22,wan21} CODE FILE --clips N [--seed S]``.
"""

import argparse
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from numpy.typing import NDArray

from scripts.shapes.autoencoder import code_in, new
from scripts.shapes.linear_code import LinearCode
from scripts.shapes.scenes import (
    PLAINLY,
    Background,
    Colour,
    Direction,
    Scene,
    Shape,
    Speed,
    any_scene,
    draw,
    path_of,
    plain_scene,
)

SIZES = (
    (5, 128, 128),
    (9, 128, 128),
    (9, 128, 128),
    (17, 128, 128),
    (17, 128, 128),
    (25, 128, 128),
    (13, 128, 160),
    (13, 160, 128),
)
"""num_frames, height, width."""
PLAIN = 0.2
"""Of the clips: all in one colour on one background, for the beginning of a training."""


@dataclass(frozen=True)
class Encoded:
    """Clips of one size: their latents [B, C, T', H', W'], not normalised, and what they show."""

    latents: torch.Tensor
    scenes: Sequence[Scene]

    def plain(self) -> "Encoded":
        """Those of one colour on one background."""
        picked = [
            index
            for index, scene in enumerate(self.scenes)
            if (scene.colour, scene.background) == PLAINLY
        ]
        return Encoded(self.latents[picked], [self.scenes[index] for index in picked])


def as_tensor(frames: NDArray[np.uint8]) -> torch.Tensor:
    """RGB [T, H, W, 3] as [1, 3, T, H, W] in [-1, 1]."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1


@torch.no_grad()
def encoded(code: LinearCode, number: int, seed: int) -> list[Encoded]:
    """So many clips, in batches of each size."""
    chance, found = np.random.default_rng(seed), []
    for size in SIZES:
        drawn = [chance.random() < PLAIN for _ in range(number // len(SIZES))]
        scenes = [(plain_scene if plain else any_scene)(chance) for plain in drawn]
        latents = []
        for start in range(0, len(scenes), 4):
            frames = [
                draw(scene, path_of(scene, size, chance), size)
                for scene in scenes[start : start + 4]
            ]
            clips = torch.cat([as_tensor(each) for each in frames])
            latents.append(code.encode(clips).half())
        found.append(Encoded(torch.cat(latents), scenes))
    return found


def save(data: Sequence[Encoded], file: Path) -> None:
    """To be read by ``read``."""
    torch.save(
        [
            (each.latents, [tuple(map(str, astuple(scene))) for scene in each.scenes])
            for each in data
        ],
        file,
    )


def read(file: Path) -> list[Encoded]:
    """What ``save`` wrote."""
    return [
        Encoded(latents, [_scene(*each) for each in scenes]) for latents, scenes in torch.load(file)
    ]


def _scene(shape: str, colour: str, direction: str, speed: str, background: str) -> Scene:
    return Scene(
        Shape(shape), Colour(colour), Direction(direction), Speed(speed), Background(background)
    )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=["wan22", "wan21"])
    parser.add_argument("code", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--clips", type=int, default=12000)
    parser.add_argument("--seed", type=int, default=11)
    args = parser.parse_args()
    save(encoded(code_in(args.code, new(args.name)), args.clips, args.seed), args.file)


if __name__ == "__main__":
    main()
