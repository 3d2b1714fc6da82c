"""Teaches a LoRA what clips show: flow matching, one clip a step.

Noise levels are as dense as those at which the service samples (its flow shift). Each tenth caption
is none, so that guidance has something to guide away from. Where there are prior prompts, what the
base model makes of them is held: on its own videos of them the adapter is taught the base's own
velocity, as DreamBooth's prior preservation does with pictures (arXiv 2208.12242, section 3.3).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import common.runtime.libraries  # noqa: F401

import torch

if TYPE_CHECKING:
    from trainer.adapter import Adapter

WITHOUT_CAPTION = 0.1
WARM_UP = 20
"""Steps until the whole learning rate."""
LONGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class Example:
    """A video: normalised latents [1, C, T, H, W], and its caption's embeddings [1, L, D]."""

    latents: torch.Tensor
    prompt_embeds: torch.Tensor


@dataclass(frozen=True)
class Lessons:
    """What is learnt, and how."""

    examples: Sequence[Example]
    nothing: torch.Tensor
    """Embeddings of no words, [1, L, D]."""
    priors: Sequence[Example]
    """What the base itself makes of prompts whose videos are to stay as they are."""
    steps: int
    learning_rate: float
    prior_loss_weight: float
    flow_shift: float
    seed: int


class Trainer:
    """One adapter on one transformer, a step at a time."""

    def __init__(
        self, transformer: Any, adapter: "Adapter", lessons: Lessons, by_token: bool
    ) -> None:
        self._transformer, self._adapter, self._lessons = transformer, adapter, lessons
        self._by_token = by_token
        """Whether each token has a timestep of its own (Wan 2.2 TI2V)."""
        self._chance = torch.Generator().manual_seed(lessons.seed)
        self._parameters = adapter.parameters()
        self._optimizer = torch.optim.AdamW(self._parameters, lessons.learning_rate)

    def run(self) -> Iterator[float]:
        """The loss of each step. Enough memory for one block's activations: they are made anew."""
        self._transformer.enable_gradient_checkpointing()
        try:
            for step in range(self._lessons.steps):
                yield self._step(step)
        finally:
            self._transformer.disable_gradient_checkpointing()

    def _step(self, step: int) -> float:
        lessons = self._lessons
        example = lessons.examples[self._any(len(lessons.examples))]
        heard = lessons.nothing if self._uniform() < WITHOUT_CAPTION else example.prompt_embeds
        mixed, sigma, velocity = self._noised(example.latents)
        loss = (self._velocity(mixed, sigma, heard) - velocity).square().mean()
        told = float(loss.detach())
        loss.backward()  # type: ignore[no-untyped-call]
        if lessons.priors:
            self._hold()
        torch.nn.utils.clip_grad_norm_(self._parameters, LONGEST_GRADIENT)
        for group in self._optimizer.param_groups:
            group["lr"] = lessons.learning_rate * share_of_rate(step, lessons.steps)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return told

    def _hold(self) -> None:
        """What the base makes of another prompt stays."""
        lessons = self._lessons
        prior = lessons.priors[self._any(len(lessons.priors))]
        mixed, sigma, _ = self._noised(prior.latents)
        with torch.no_grad(), self._adapter.silent():
            before = self._velocity(mixed, sigma, prior.prompt_embeds)
        error = (self._velocity(mixed, sigma, prior.prompt_embeds) - before).square().mean()
        (lessons.prior_loss_weight * error).backward()  # type: ignore[no-untyped-call]

    def _noised(self, latents: torch.Tensor) -> tuple[torch.Tensor, float, torch.Tensor]:
        """Latents with noise, how much, and the velocity from one to the other."""
        plain, shift = self._uniform(), self._lessons.flow_shift
        sigma = shift * plain / (1 + (shift - 1) * plain)
        noise = torch.randn(latents.shape, generator=self._chance).to(latents)
        return (1 - sigma) * latents + sigma * noise, sigma, noise - latents

    def _velocity(self, mixed: torch.Tensor, sigma: float, embeds: torch.Tensor) -> torch.Tensor:
        _, _, frames, height, width = mixed.shape
        tokens = frames * (height // 2) * (width // 2)
        shape = (1, tokens) if self._by_token else (1,)
        found: torch.Tensor = self._transformer(
            hidden_states=mixed.to(embeds.dtype),
            timestep=torch.full(shape, 1000 * sigma, device=mixed.device),
            encoder_hidden_states=embeds,
            return_dict=False,
        )[0]
        return found.float()

    def _uniform(self) -> float:
        return float(torch.rand((), generator=self._chance))

    def _any(self, number: int) -> int:
        return int(torch.randint(number, (), generator=self._chance))


def share_of_rate(step: int, steps: int) -> float:
    """Of the learning rate: it warms up, and falls to nothing along half a cosine.

    At a constant rate the last clips seen would count most.
    """
    return min(1.0, (step + 1) / WARM_UP) * (1 + math.cos(math.pi * step / steps)) / 2
