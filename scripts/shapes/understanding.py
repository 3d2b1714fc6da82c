"""Teaches a text encoder what captions say, before anything is painted.

The text encoders of published models have read much when their training begins. This one has read
nothing: what it says of a caption is noise to the transformer, which learns to turn away from it.
So it is taught alone first, in half a minute: the mean of a caption's words, as cross-attention
takes it, must tell shape, colour, direction, speed and background, or that nothing is said of them.
"""

from collections.abc import Iterator

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from diffusers import WanTransformer3DModel

from scripts.shapes.captions import Told, any_told, worded
from scripts.shapes.muon import Muon, rate
from scripts.shapes.reading import Reading
from scripts.shapes.scenes import TRAINED, Background, Direction, Scene, Shape, Speed, any_scene

STEPS = 500
CAPTIONS = 96
LEARNING_RATE = 2e-2
SMALL_LEARNING_RATE = 5e-3
PARTS = {
    "shape": tuple(Shape),
    "colour": TRAINED,
    "direction": tuple(Direction),
    "speed": tuple(Speed),
    "background": tuple(Background),
}
"""What a caption may tell: fields of a scene, and of what is told."""


def begin_understanding(
    reading: Reading, transformer: WanTransformer3DModel, chance: np.random.Generator
) -> float:
    """Teach the text encoder and the transformer's embedding of it; the share that was right.

    Both are not trained afterwards. What is learnt late, as directions are, would have been
    forgotten by then: each step of Muon moves all directions alike, whether they matter yet or not.
    """
    embedder = transformer.condition_embedder.text_embedder
    heads = torch.nn.ModuleList(
        torch.nn.Linear(embedder.linear_2.out_features, 1 + len(options))
        for options in PARTS.values()
    )
    taught = torch.nn.ModuleList([reading.text_encoder, embedder, heads])
    words = [reading.text_encoder.shared.weight]
    optimizer = Muon(taught.parameters(), LEARNING_RATE, SMALL_LEARNING_RATE, words)
    right = 0.0
    for step in range(STEPS):
        captions, said = _captions(chance)
        heard = _heard(reading, embedder, captions)
        found = [head(heard) for head in heads]
        losses = map(torch.nn.functional.cross_entropy, found, said.unbind(1))
        sum(losses, torch.zeros(())).backward()  # type: ignore[no-untyped-call]
        optimizer.step(rate(step, STEPS))
        guesses = torch.stack([each.argmax(1) for each in found], 1)
        right = float((guesses == said).all(1).float().mean())
    taught.requires_grad_(False)
    return right


def _captions(chance: np.random.Generator) -> tuple[list[str], torch.Tensor]:
    """Some, and what each says of every part: 0 is nothing, [B, parts]."""
    scenes = [any_scene(chance) for _ in range(CAPTIONS)]
    told = [any_told(chance) for _ in scenes]
    captions = [worded(*each, chance) for each in zip(scenes, told, strict=True)]
    said = [list(_said(*each)) for each in zip(scenes, told, strict=True)]
    return captions, torch.tensor(said)


def _said(scene: Scene, told: Told) -> Iterator[int]:
    for part, options in PARTS.items():
        silent = part == "speed" and scene.direction is Direction.STILL
        said = getattr(told, part) and not silent
        yield 1 + options.index(getattr(scene, part)) if said else 0


def _heard(reading: Reading, embedder: torch.nn.Module, captions: list[str]) -> torch.Tensor:
    """The mean of the words of each caption, [B, C]: what cross-attention will take."""
    hidden, words = reading.embeds(captions)
    heard: torch.Tensor = (embedder(hidden) * words[..., None]).sum(1) / words.sum(1, keepdim=True)
    return heard
