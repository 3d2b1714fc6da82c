"""Our autoencoder against SandAI's own: recorded latents and frames of MAGI-1's, tiny weights.

Every folder below ``MAGI1_PARITY_DIR`` with a ``ddconfig`` in its ``config.json`` is a case.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from magi1 import vae, vae_blocks
from magi1.tiling import Tiling, run_tiled
from magi1.vae import AutoencoderKLMagi
from magi1.vae_checkpoint import load_official_vae

TOLERANCE = 1e-4
CASES = Path(os.environ.get("MAGI1_PARITY_DIR", Path(__file__).parent / "magi1"))


def folders() -> list[Path]:
    configs = sorted(CASES.rglob("config.json"))
    return [path.parent for path in configs if "ddconfig" in json.loads(path.read_text())]


@dataclass(frozen=True)
class Case:
    vae: AutoencoderKLMagi
    data: dict[str, torch.Tensor]
    sizes: dict[str, Any]

    def tiling(self, *, spatial: bool) -> Tiling:
        return Tiling(
            frames=self.sizes["tile_sample_min_length"],
            height=self.sizes["tile_sample_min_height"],
            width=self.sizes["tile_sample_min_width"],
            spatial_overlap=self.sizes.get("spatial_tile_overlap_factor", 0.25),
            temporal_overlap=self.sizes.get("temporal_tile_overlap_factor", 0),
            spatial=spatial,
        )


@pytest.fixture(params=folders(), ids=lambda path: path.name)
def case(request: pytest.FixtureRequest) -> Case:
    config = json.loads((request.param / "config.json").read_text())
    loaded = load_official_vae(config["ddconfig"], load_file(request.param / "model.safetensors"))
    return Case(loaded, load_file(request.param / "data.safetensors"), config)


def test_a_clip_of_the_size_trained_on(case: Case):
    latents = case.vae.encode(case.data["small_video"]).latent_dist.mode()
    frames = case.vae.decode(latents).sample
    assert_close(latents, case.data["small_latent_mode"])
    assert_close(frames, case.data["small_decoded"])
    assert case.vae.num_frames_of(latents.shape[2]) == frames.shape[2]


@pytest.mark.parametrize("spatial", [False, True])
def test_a_video_in_tiles(case: Case, spatial: bool):
    case.vae.enable_tiling(case.tiling(spatial=spatial))
    latents = case.vae.encode(case.data["video"]).latent_dist.mode()
    frames = case.vae.decode(latents).sample
    assert_close(latents, case.data[f"tiled_latent_spatial{int(spatial)}"])
    assert_close(frames, case.data[f"tiled_decoded_spatial{int(spatial)}"])
    assert case.vae.num_frames_of(latents.shape[2]) == frames.shape[2]


def worst(case: Case) -> float:
    """The largest difference of the spatially tiled video, latents and frames."""
    case.vae.enable_tiling(case.tiling(spatial=True))
    latents = case.vae.encode(case.data["video"]).latent_dist.mode()
    frames = case.vae.decode(case.data["tiled_latent_spatial1"]).sample
    return max(
        float((made - case.data[f"tiled_{name}_spatial1"]).abs().max())
        for name, made in (("latent", latents), ("decoded", frames))
    )


@pytest.mark.parametrize("chained", [False, True])
def test_blending_in_the_other_order_is_seen(
    case: Case, chained: bool, monkeypatch: pytest.MonkeyPatch
):
    assert worst(case) <= TOLERANCE

    def run_alike(*arguments: Any, **_chained: bool) -> torch.Tensor:
        return run_tiled(*arguments, chained=chained)

    monkeypatch.setattr(vae, "run_tiled", run_alike)
    assert worst(case) > TOLERANCE


def test_an_epsilon_in_the_variance_is_seen(case: Case, monkeypatch: pytest.MonkeyPatch):
    def layer_norm(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.layer_norm(x, x.shape[-1:], eps=1e-2)

    monkeypatch.setattr(vae_blocks, "standardize", layer_norm)
    assert worst(case) > TOLERANCE


def test_official_positions_are_needed(case: Case):
    positions = case.vae.decoder.transformer.positions
    positions.copy_(positions.flip(2))
    assert worst(case) > TOLERANCE


def assert_close(made: torch.Tensor, recorded: torch.Tensor) -> None:
    assert made.shape == recorded.shape
    difference = float((made - recorded).abs().max())
    print(f"max abs difference {difference:.2e}")
    assert difference <= TOLERANCE
