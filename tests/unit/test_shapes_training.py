"""The trainings of the small models run from end to end, and leave a checkpoint as published."""

import json
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import AutoencoderKLWan, WanPipeline

from scripts.shapes.assemble import assemble, write
from scripts.shapes.autoencoder import Part, decode, new, train
from scripts.shapes.clips import SIZES, encoded, read, save
from scripts.shapes.linear_code import LinearCode, fit
from scripts.shapes.linear_code import save as save_code
from scripts.shapes.listening import Listening
from scripts.shapes.training import Trainer
from scripts.shapes.training import save as save_model
from scripts.shapes.weights import SUMS

NAMES = ("wan22", pytest.param("wan21", marks=pytest.mark.slow))


def a_code(vae: AutoencoderKLWan) -> LinearCode:
    torch.manual_seed(1)
    clips = torch.rand(40, 3, 4, 32, 32)
    return fit(clips, vae.config.scale_factor_spatial, vae.config.z_dim)


@torch.no_grad()
def assert_silent(pipeline: WanPipeline, used: torch.Tensor) -> None:
    """Of channels without use the encoder says nothing, and nobody hears."""
    vae, transformer = pipeline.vae.float().eval(), pipeline.transformer.float().eval()
    clip = torch.rand(1, 3, 5, 64, 64) * 2 - 1
    latents = vae.encode(clip).latent_dist.mode()
    assert not latents[:, ~used].any()
    assert latents[:, used].any()
    noisy = latents + torch.randn_like(latents) * ~used[None, :, None, None, None]
    torch.testing.assert_close(vae.decode(noisy).sample, vae.decode(latents).sample)
    words = torch.randn(1, 4, transformer.config.text_dim)
    one, other = (
        transformer(each, torch.tensor([500.0]), words, return_dict=False)[0]
        for each in (latents, noisy)
    )
    torch.testing.assert_close(one, other)
    assert not one[:, ~used].any()


@pytest.mark.parametrize("name", NAMES)
def test_two_steps_of_everything_make_a_checkpoint(name: str, tmp_path: Path):
    vae = new(name)
    code = a_code(vae)
    save_code(code, tmp_path / "code.pt")
    for part in ("encoder", "decoder"):
        assert list(train(Part(part, vae, code), 2, tmp_path / part)) == []
    save(encoded(code, len(SIZES), seed=1), tmp_path / "clips.pt")
    trainer = Trainer(name, read(tmp_path / "clips.pt"), code, 2)
    assert list(trainer.run()) == []
    costs = Listening(trainer, 0).costs(0.9)
    assert all(0 < cost < 100 for cost in costs.values())
    assert costs["right"] != costs["colour"]
    save_model(trainer, tmp_path / "model")
    trainer.go_on_from(tmp_path / "model")
    parts = (tmp_path / each for each in ("code.pt", "encoder", "decoder", "model"))
    write(assemble(*parts), folder := tmp_path / "checkpoint")
    pipeline = WanPipeline.from_pretrained(folder)
    assert pipeline.config.expand_timesteps == (name == "wan22")
    assert len(pipeline.vae.config.latents_std) == vae.config.z_dim
    assert_silent(pipeline, code.used)
    index = json.loads((folder / "model_index.json").read_text())
    assert index["tokenizer"] == ["transformers", "T5TokenizerFast"]
    assert "transformer/diffusion_pytorch_model.safetensors" in (folder / SUMS).read_text()


@pytest.mark.parametrize("name", NAMES)
def test_the_decoding_of_a_training_is_that_of_diffusers_but_for_its_clamp(name: str):
    vae = new(name).eval()
    latents = torch.randn(1, vae.config.z_dim, 2, 4, 4)
    with torch.no_grad():
        wanted = vae.decode(latents).sample
        torch.testing.assert_close(decode(vae, latents).clamp(-1, 1), wanted)
