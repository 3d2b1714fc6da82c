"""Trains the autoencoders: of Wan 2.2, with its residual shortcuts, and of Wan 2.1.

``python -m scripts.shapes.autoencoder {wan22,wan21} {encoder,decoder} CODE FOLDER --steps N``: each
half alone, against the linear code in the file CODE, which is fitted where there is none. Clips for
it are small cuts around a shape of any colour on any grey: what it learns there, convolutions do
anywhere.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import (
    WanAttentionBlock,
    WanResample,
    WanResidualBlock,
    unpatchify,
)

from scripts.shapes import linear_code
from scripts.shapes.average import Average
from scripts.shapes.cuts import cuts
from scripts.shapes.linear_code import FRAMES, LinearCode, fit
from scripts.shapes.muon import Muon, rate

SEED = 7
SIDE = 64
"""Pixels of a cut: as many blocks as a shape covers, and their neighbours."""
LEARNING_RATE = 2e-2
SMALL_LEARNING_RATE = 1e-3
QUIET = 0.1
"""Of its usual size: the last layer of what a shortcut leads around."""
NOISE = 0.1
"""Standard deviation of what is added to latents, whose own is about 1: what is denoised later is
never exact."""


def new(name: str) -> AutoencoderKLWan:
    """With random weights, in the shape of the published one but for its width."""
    if name == "wan21":
        return AutoencoderKLWan(base_dim=12, z_dim=16, num_res_blocks=1)
    return AutoencoderKLWan(
        base_dim=16,
        decoder_base_dim=16,
        z_dim=48,
        num_res_blocks=2,
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        scale_factor_spatial=16,
        latents_mean=[0.0] * 48,
        latents_std=[1.0] * 48,
    )


@torch.no_grad()
def begin_as_averages(vae: AutoencoderKLWan) -> None:
    """Let the shortcuts begin alone: an average of pixels, and its repetition.

    Every norm divides by the length of a feature, brightness with it: a bias in front of all
    leaves brightness in the direction.
    """
    for module in vae.modules():
        if isinstance(module, WanResidualBlock):
            _quiet(module.conv2)
        elif isinstance(module, WanAttentionBlock):
            _quiet(module.proj)
        elif isinstance(module, WanResample):
            _quiet(module.resample[1])
    for half in (vae.encoder, vae.decoder):
        half.conv_in.bias.uniform_(-1, 1)


def _quiet(last: torch.nn.Module) -> None:
    for parameter in last.parameters():
        parameter.mul_(QUIET)


def encode(vae: AutoencoderKLWan, clips: torch.Tensor) -> torch.Tensor:
    """Latents [B, C, T', H', W'], not normalised."""
    latents: torch.Tensor = vae.encode(clips).latent_dist.mode()
    return latents


def decode(vae: AutoencoderKLWan, latents: torch.Tensor) -> torch.Tensor:
    """Clips as ``vae.decode`` has them, but not clamped: a clamp has no gradient."""
    vae.clear_cache()
    hidden, pieces = vae.post_quant_conv(latents), []
    for frame in range(latents.shape[2]):
        vae._conv_idx = [0]
        first = {"first_chunk": True} if vae.config.is_residual and not frame else {}
        pieces.append(
            vae.decoder(
                hidden[:, :, frame : frame + 1],
                feat_cache=vae._feat_map,
                feat_idx=vae._conv_idx,
                **first,
            )
        )
    vae.clear_cache()
    clips = torch.cat(pieces, 2)
    return unpatchify(clips, vae.config.patch_size) if vae.config.patch_size else clips


@dataclass(frozen=True)
class Part:
    """What is trained: one half, against the linear code."""

    name: str
    vae: AutoencoderKLWan
    code: LinearCode

    def parameters(self) -> list[torch.nn.Parameter]:
        """Those that are trained."""
        vae = self.vae
        halves = {
            "encoder": (vae.encoder, vae.quant_conv),
            "decoder": (vae.decoder, vae.post_quant_conv),
        }
        picked = halves[self.name]
        return [parameter for module in picked for parameter in module.parameters()]

    def loss(self, clips: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """To be made small, and the mean square of the error in pixels."""
        if self.name == "encoder":
            error = (encode(self.vae, clips) - self.code.encode(clips)).square()
            error = error * self.code.spread.view(1, -1, 1, 1, 1) ** 2
            return error.mean() * 10, error.sum(1).mean() / (3 * self.code.side**2)
        latents = self.code.encode(clips)
        noisy = latents + NOISE * torch.randn_like(latents)
        error = (decode(self.vae, noisy) - clips).square()
        return (weights * error).sum() / weights.sum() / 3, error.mean()


def train(part: Part, steps: int, folder: Path) -> Iterator[dict[str, float]]:
    """Train, and keep the average of weights in ``folder``; tells what became of every 20 steps."""
    chance = np.random.default_rng(SEED)
    torch.manual_seed(SEED)
    held = part.parameters()
    optimizer = Muon(held, LEARNING_RATE, SMALL_LEARNING_RATE)
    average, begun, errors = Average(held), time.monotonic(), []
    for step in range(1, steps + 1):
        frames = 1 if step < 0.3 * steps else 9 if step % 3 == 0 else 5
        loss, error = part.loss(*cuts((frames, SIDE, SIDE), chance, 4 if frames == 9 else 8))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step(rate(step, steps))
        average.add(held)
        errors.append(float(error.detach()))
        if step % 20 == 0:
            psnr = 10 * math.log10(4 / np.mean(errors))
            yield {
                "step": step,
                "psnr": psnr,
                "loss": float(loss),
                "seconds": time.monotonic() - begun,
            }
            errors.clear()
        if step % 200 == 0 or step == steps:
            average.swap(held)
            part.vae.save_pretrained(folder)
            average.swap(held)


def code_in(file: Path, vae: AutoencoderKLWan) -> LinearCode:
    """The linear code of as many channels as the autoencoder has; fitted where there is no file."""
    if not file.exists():
        torch.manual_seed(SEED)
        clips, _ = cuts((FRAMES, SIDE, SIDE), np.random.default_rng(SEED), 1000)
        linear_code.save(fit(clips, vae.config.scale_factor_spatial, vae.config.z_dim), file)
    return linear_code.read(file)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=["wan22", "wan21"])
    parser.add_argument("part", choices=["encoder", "decoder"])
    parser.add_argument("code", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--begin", type=Path, metavar="FOLDER", help="go on from what is there")
    args = parser.parse_args()
    torch.manual_seed(SEED)
    begin_as_averages(vae := new(args.name))
    if args.begin:
        vae = AutoencoderKLWan.from_pretrained(args.begin)
    code = code_in(args.code, vae)
    for told in train(Part(args.part, vae, code), args.steps, args.folder):
        print(json.dumps({key: round(value, 4) for key, value in told.items()}), flush=True)


if __name__ == "__main__":
    main()
