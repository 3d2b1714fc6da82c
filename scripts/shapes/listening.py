"""What a model in training listens to.

``python -m scripts.shapes.listening {wan22,wan21} CODE LATENTS FOLDER``. A loss says little of a
caption, whose words are a few bits beside all the pixels. So the same clips with the same noise are
given with their captions, with captions that are wrong in one thing, and with none: what a wrong
word costs is what the model has learnt of it. And a frame is given with the others moved aside:
what that costs is what it has learnt of places.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import common.runtime.libraries  # noqa: F401

import torch

from scripts.shapes import linear_code
from scripts.shapes.captions import english
from scripts.shapes.clips import read
from scripts.shapes.scenes import TRAINED, Direction, Scene, Shape
from scripts.shapes.training import Trainer

T = TypeVar("T")

CLIPS = 48
LEVELS = (0.95, 0.9, 0.85, 0.8, 0.7, 0.5)
"""Of noise. Words matter most where the noise hides what they say."""


def _next(options: tuple[T, ...], one: T) -> T:
    return options[(options.index(one) + len(options) // 2) % len(options)]


WRONG: Mapping[str, Callable[[Scene], str]] = {
    "right": english,
    "direction": lambda scene: english(
        replace(scene, direction=_next(tuple(Direction), scene.direction))
    ),
    "shape": lambda scene: english(replace(scene, shape=_next(tuple(Shape), scene.shape))),
    "colour": lambda scene: english(replace(scene, colour=_next(TRAINED, scene.colour))),
    "all": lambda _scene: "",
}
"""Captions that are wrong in one thing, or say nothing."""


class Listening:
    """One model, and clips of one size."""

    def __init__(self, trainer: Trainer, size: int) -> None:
        self.trainer = trainer
        group = trainer.data[size]
        self.latents = (group.latents[:CLIPS].float() - trainer.mean) / trainer.std
        self.scenes = group.scenes[:CLIPS]

    @torch.no_grad()
    def costs(self, level: float) -> dict[str, float]:
        """The loss with each kind of caption, and with all frames but the middle one moved."""
        noise = torch.randn_like(self.latents) * self.trainer.used
        mixed = (1 - level) * self.latents + level * noise
        found = {}
        for name, words in WRONG.items():
            error = self._error(mixed, noise, level, [words(scene) for scene in self.scenes])
            found[name] = float(error.mean())
            if name == "right":
                found["middle"] = self._of_middle(error)
        moved = mixed.roll(mixed.shape[-1] // 2, -1)
        middle = mixed.shape[2] // 2
        moved[:, :, middle] = mixed[:, :, middle]
        error = self._error(moved, noise, level, list(map(english, self.scenes)))
        return found | {"others moved": self._of_middle(error)}

    def _error(
        self, mixed: torch.Tensor, noise: torch.Tensor, level: float, captions: list[str]
    ) -> torch.Tensor:
        used = self.trainer.used.flatten() > 0
        levels = torch.full((len(mixed), 1, mixed.shape[2], 1, 1), level)
        velocity = self.trainer.velocity(mixed, levels, captions)
        return (velocity - (noise - self.latents))[:, used].square()

    @staticmethod
    def _of_middle(error: torch.Tensor) -> float:
        return float(error[:, :, error.shape[2] // 2].mean())


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=["wan22", "wan21"])
    for name in ("code", "latents", "folder"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--size", type=int, default=3, help="which of the sizes of the clips")
    args = parser.parse_args()
    trainer = Trainer(args.name, read(args.latents), linear_code.read(args.code), 1)
    trainer.go_on_from(args.folder)
    listening = Listening(trainer, args.size)
    for level in LEVELS:
        costs = listening.costs(level)
        print(f"{level:.2f}", *(f"{name} {cost:.4f}" for name, cost in costs.items()), sep="  ")


if __name__ == "__main__":
    main()
