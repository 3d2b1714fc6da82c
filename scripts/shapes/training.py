"""Trains a text encoder, then a transformer that listens to it, on the latents of the set.

``python -m scripts.shapes.training {wan22,wan21} CODE LATENTS FOLDER --steps N``. Flow matching:
the transformer learns the way from a clip to noise. Every tenth caption is none, or the service's
negative prompt.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from diffusers import WanTransformer3DModel
from transformers import UMT5EncoderModel

from scripts.shapes import linear_code
from scripts.shapes.average import Average
from scripts.shapes.beginnings import PATCH, begin_near, begin_open
from scripts.shapes.captions import any_caption
from scripts.shapes.clips import Encoded, read
from scripts.shapes.hearing import begin_hearing
from scripts.shapes.linear_code import LinearCode
from scripts.shapes.muon import Muon, rate
from scripts.shapes.placing import begin_placed
from scripts.shapes.reading import TEXT_DIM, Reading
from scripts.shapes.understanding import begin_understanding
from wan21.prompts import NEGATIVE_PROMPT

SEED = 13
TOKENS = 1280
"""In a batch, eight clips at the least."""
LEARNING_RATE = 2e-2
"""Muon's, of a training from nothing. What goes on begins at a fifth of it: at the whole of it, it
forgets in a hundred steps what a decaying rate had settled in a thousand."""
SMALL_SHARE = 0.25
"""Of that, AdamW's."""
SHIFT = 4.0
"""Of the times: a little more of them where shapes are settled than the service samples with 5."""
LOUD = 1.5
"""Standard deviation of the channel that tells most."""
DECAY = 0.5
"""Without it what blocks add grows twentyfold, and places and words drown beside it."""
EASY = 1 / 6
"""Of the steps: red shapes on black alone, in hardly less than noise. Where a shape is when is all
that such a caption tells, and nothing else does. Among colours, which count far more, ways were not
learnt in a thousand steps; alone they are in two hundred."""
NEARLY_NOISE = 0.95
MEASURES = "latents.json"
WITHOUT_CAPTION = 0.1
WITH_FIRST_FRAME = 0.15
"""Of the clips, where a model takes a picture: their first latent frame is given. It tells shape
and colour, so that words are not needed for them."""


def new_transformer(name: str) -> WanTransformer3DModel:
    """With random weights. The 1.3B is told from the 14B by its twelve heads.

    A token is 2x2 latents of 48 or 16 channels: what is narrower cannot carry their noise.
    """
    heads, width = (12, 16) if name == "wan21" else (8, 32)
    channels = 16 if name == "wan21" else 48
    return WanTransformer3DModel(
        in_channels=channels,
        out_channels=channels,
        num_attention_heads=heads,
        attention_head_dim=width,
        num_layers=5,
        ffn_dim=512,
        text_dim=TEXT_DIM,
    )


class Trainer:
    """Holds what is trained, and makes one step at a time."""

    def __init__(
        self,
        name: str,
        data: Sequence[Encoded],
        code: LinearCode,
        steps: int,
        learning_rate: float = LEARNING_RATE,
    ) -> None:
        torch.manual_seed(SEED)
        self.chance = np.random.default_rng(SEED)
        self.picture = name == "wan22"
        self.data, self.steps, self.easy = data, steps, EASY * steps
        self.plain = [each.plain() for each in data]
        self.transformer = new_transformer(name)
        begin_open(self.transformer, code.used)
        begin_near(self.transformer)
        begin_placed(self.transformer)
        begin_hearing(self.transformer)
        self.reading = Reading()
        self.mean, self.std = measured(data, code)
        self.used = code.used.float()[None, :, None, None, None]
        self.both = torch.nn.ModuleList([self.transformer, self.reading.text_encoder])
        self.average = Average(self.both.parameters())
        trained, small = self.transformer.parameters(), SMALL_SHARE * learning_rate
        self.optimizer = Muon(trained, learning_rate, small, decay=DECAY)

    def begin(self) -> float:
        """Teach the text encoder; the share of captions that it understood."""
        return begin_understanding(self.reading, self.transformer, self.chance)

    def go_on_from(self, folder: Path) -> None:
        """Take the weights and measures that ``save`` left there. Nothing is easy any more."""
        transformer = WanTransformer3DModel.from_pretrained(folder / "transformer")
        self.transformer.load_state_dict(transformer.state_dict())
        text_encoder = UMT5EncoderModel.from_pretrained(folder / "text_encoder")
        self.reading.text_encoder.load_state_dict(text_encoder.state_dict())
        told = json.loads((folder / MEASURES).read_text())
        self.mean, self.std = (
            torch.tensor(told[name])[:, None, None, None]
            for name in ("latents_mean", "latents_std")
        )
        self.easy = 0
        self.transformer.condition_embedder.text_embedder.requires_grad_(requires_grad=False)

    def run(self) -> Iterator[dict[str, float]]:
        """Train; tells what became of every 25 steps."""
        begun, losses = time.monotonic(), []
        for step in range(1, self.steps + 1):
            losses.append(self._step(rate(step, self.steps), step < self.easy))
            if step % 25 == 0:
                mean = float(np.mean(losses))
                yield {"step": step, "loss": mean, "seconds": time.monotonic() - begun}
                losses.clear()

    def _step(self, share: float, easy: bool) -> float:
        latents, captions = self._batch(self.plain if easy else self.data)
        noise = torch.randn_like(latents) * self.used
        sigma = times(len(latents), NEARLY_NOISE if easy else 0)
        asked = torch.ones(len(latents), 1, latents.shape[2], 1, 1)
        if self.picture:
            asked[torch.rand(len(latents)) < WITH_FIRST_FRAME, :, 0] = 0
        level = sigma[:, None, None, None, None] * asked
        mixed = (1 - level) * latents + level * noise
        counted = asked * self.used * LOUD / self.std  # quiet channels tell the edges of a shape
        error = (self.velocity(mixed, level, captions) - (noise - latents)).square() * counted
        loss = error.sum() / counted.expand_as(error).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step(share)
        self.average.add(self.both.parameters())
        return float(loss.detach())

    def velocity(
        self, mixed: torch.Tensor, level: torch.Tensor, captions: Sequence[str]
    ) -> torch.Tensor:
        """What the transformer finds in latents [B, C, T, H, W] with noise of ``level``.

        ``level`` is [B, 1, T, 1, 1], from 0 to 1. Tokens of a model that takes a picture have a
        time each.
        """
        height, width = mixed.shape[3] // 2, mixed.shape[4] // 2
        each = level[:, 0].expand(-1, -1, height, width).flatten(1)
        moment = 1000 * (each if self.picture else each[:, 0])
        words, _ = self.reading.embeds(captions)
        found: torch.Tensor = self.transformer(mixed, moment, words, return_dict=False)[0]
        return found

    def _batch(self, data: Sequence[Encoded]) -> tuple[torch.Tensor, list[str]]:
        group = data[int(self.chance.integers(len(data)))]
        size = max(8, TOKENS * PATCH // group.latents[0, 0].numel())
        picked = self.chance.integers(len(group.scenes), size=size)
        captions = [any_caption(group.scenes[index], self.chance) for index in picked]
        for index in np.nonzero(self.chance.random(size) < WITHOUT_CAPTION)[0]:
            captions[index] = "" if self.chance.random() < 0.5 else NEGATIVE_PROMPT
        return (group.latents[picked].float() - self.mean) / self.std, captions


def measured(data: Sequence[Encoded], code: LinearCode) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and scale of each latent channel, [C, 1, 1, 1].

    Were all channels brought to one size, the transformer would have to settle the finest detail
    of an edge while it still looks for the shape. So those that tell less stay smaller, as much as
    they are in the picture. What is always zero stays as it is.
    """
    values = torch.cat([each.latents[:200].float().transpose(0, 1).flatten(1) for each in data], 1)
    share = LOUD * (code.spread / code.spread[1:].max()).clamp(max=1)
    scale = torch.where(code.used, values.std(1) / share, 1.0)
    return values.mean(1)[:, None, None, None], scale[:, None, None, None]


def times(number: int, least: float = 0) -> torch.Tensor:
    """Noise levels up to 1, as dense as those at which the service samples."""
    plain = torch.rand(number)
    return least + (1 - least) * SHIFT * plain / (1 + (SHIFT - 1) * plain)


def save(trainer: Trainer, folder: Path) -> None:
    """The averages of both, the tokenizer, and ``latents.json``: mean and deviation by channel."""
    held = list(trainer.both.parameters())
    trainer.average.swap(held)
    trainer.transformer.save_pretrained(folder / "transformer")
    trainer.reading.text_encoder.save_pretrained(folder / "text_encoder")
    trainer.average.swap(held)
    trainer.reading.tokenizer.save_pretrained(folder / "tokenizer")
    measures = {"latents_mean": trainer.mean, "latents_std": trainer.std}
    listed = {
        name: [round(float(one), 5) for one in each.flatten()] for name, each in measures.items()
    }
    (folder / MEASURES).write_text(json.dumps(listed))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=["wan22", "wan21"])
    parser.add_argument("code", type=Path)
    parser.add_argument("latents", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--begin", type=Path, metavar="FOLDER", help="go on from what is there")
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    args = parser.parse_args()
    code = linear_code.read(args.code)
    trainer = Trainer(args.name, read(args.latents), code, args.steps, args.learning_rate)
    if args.begin:
        trainer.go_on_from(args.begin)
    else:
        print(json.dumps({"understood": trainer.begin()}), flush=True)
    for told in trainer.run():
        print(json.dumps({key: round(value, 4) for key, value in told.items()}), flush=True)
        if told["step"] % 250 == 0:
            save(trainer, args.folder)
    save(trainer, args.folder)


if __name__ == "__main__":
    main()
