"""Latents become small pictures: right colours, the right way round."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from common.runtime.latent_preview import (
    LatentColours,
    LatentPreview,
    causal_vae_preview,
    fit_colours,
)
from common.runtime.sampling import step_callback
from scripts.tiny import waver as tiny_waver
from tests.formats import on_cpu
from tests.unit.test_runtime import Context
from waver.pipeline import load

CPU = torch.device("cpu")


def red_then_blue(channels: int = 2) -> torch.Tensor:
    """Latents [1, C, 5, 8, 16]: in the middle frame channel 0 is on at the left, 1 at the right."""
    latents = torch.randn(1, channels, 5, 8, 16, generator=torch.Generator().manual_seed(1))
    latents[:, :, 2] = 0
    latents[:, 0, 2, :, :8] = 1
    latents[:, 1, 2, :, 8:] = 1
    return latents


def test_a_known_map_gives_the_picture_that_it_says():
    weights = torch.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, 2.0]])
    colours = LatentColours(weights, torch.full((3,), -1.0))
    picture = colours.picture(red_then_blue().bfloat16())
    assert (picture.shape, picture.dtype) == ((8, 16, 3), np.uint8)
    assert (picture[:, :8] == [255, 0, 0]).all()
    assert (picture[:, 8:] == [0, 0, 255]).all()


@pytest.mark.parametrize(
    ("channels", "side", "stride"), [(16, 256, 8), (48, 256, 16), (128, 512, 32)]
)
def test_the_fit_finds_the_colours_of_a_linear_vae(channels: int, side: int, stride: int):
    generator = torch.Generator().manual_seed(2)
    mixing = torch.randn(channels, 3, generator=generator)

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        small = functional.avg_pool2d(pixels[:, :, 0], stride)
        latents = torch.einsum("ck,bkhw->bchw", mixing, small)
        noise = 0.3 * torch.randn(latents.shape, generator=generator)
        return (latents + noise)[:, :, None]

    colours = fit_colours(encode, side, CPU)
    image = torch.full((1, 3, 1, side, side), -1.0)
    image[:, 0, :, :, : side // 2] = 1  # red
    image[:, 2, :, :, side // 2 :] = 1  # blue
    picture = colours.picture(encode(image)).astype(int)
    left, right = picture[:, : picture.shape[1] // 2], picture[:, picture.shape[1] // 2 :]
    assert np.abs(left.mean((0, 1)) - [255, 0, 0]).max() < 40
    assert np.abs(right.mean((0, 1)) - [0, 0, 255]).max() < 40


def test_the_map_is_fitted_once_and_only_when_it_is_wanted():
    fits: list[int] = []

    def fit() -> LatentColours:
        fits.append(1)
        return LatentColours(torch.zeros(3, 2), torch.zeros(3))

    preview = LatentPreview(fit)
    assert fits == []
    assert (preview(red_then_blue()) == 128).all()
    preview(red_then_blue())
    assert fits == [1]


def test_a_real_vae_is_asked(tmp_path: Path):
    """The stand-in's: 48 channels, 16 pixels a latent, pixels in patches."""
    pipeline = load(tiny_waver.build(tmp_path)[0], on_cpu())
    latents = torch.randn(1, pipeline.vae.config.z_dim, 3, 4, 6)
    picture = causal_vae_preview(pipeline.vae)(latents)
    assert picture.shape == (4, 6, 3)
    assert picture.std() > 0


def test_a_vae_is_asked_once_however_many_jobs_it_decodes(tmp_path: Path):
    vae = load(tiny_waver.build(tmp_path)[0], on_cpu()).vae
    asked: list[int] = []
    vae.encoder.register_forward_hook(lambda *_call: asked.append(1))
    latents = torch.randn(1, vae.config.z_dim, 3, 4, 6)
    first, second = (causal_vae_preview(vae)(latents) for _job in range(2))
    assert asked == [1]
    assert (first == second).all()


def test_each_step_offers_its_latents():
    class Looking(Context):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[tuple[int, NDArray[np.uint8]]] = []

        def preview(self, step: int, picture: partial[NDArray[np.uint8]]) -> None:
            self.seen.append((step, picture()))

    def picture(latents: torch.Tensor) -> NDArray[np.uint8]:
        return latents.numpy().astype(np.uint8)

    context = Looking()
    callback = step_callback(context, 3, picture)
    for step in range(3):
        callback(None, step, None, {"latents": torch.full((1, 1, 3), float(step))})
    assert [(step, int(found[0, 0, 0])) for step, found in context.seen] == [(1, 0), (2, 1), (3, 2)]
    step_callback(context, 3)(None, 0, None, {})
    assert len(context.seen) == 3, "without a way to picture them nothing is offered"
