"""What a training is said to take: also the clips and prior videos that it keeps on the device."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from trainer.estimates import memory_of
from trainer.kind import TRAINING_KIND
from trainer.requests import ResolvedTraining

LARGE = TRAINING_KIND.nothing.model_copy(
    update={"width": 832, "height": 480, "num_frames": 81, "num_clips": 3, "rank": 16}
)
LATENTS = 16 * 21 * (480 // 8) * (832 // 8) * 4
"""Bytes of one clip's latents, in float32."""
EMBEDS = 512 * 4096 * 2
"""Bytes of one caption's embeddings, in bfloat16."""
CONFIGS = {
    "transformer": {"num_attention_heads": 12, "num_layers": 30, "ffn_dim": 8960},
    "vae": {"base_dim": 96, "z_dim": 16},
}
"""Of the 1.3B."""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    (tmp_path / "model_index.json").write_text(json.dumps({name: ["", ""] for name in CONFIGS}))
    for name, config in CONFIGS.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(config))
        save_file({"w": np.zeros(1, np.float32)}, folder / "diffusion_pytorch_model.safetensors")
    return tmp_path


def changed(**fields: object) -> ResolvedTraining:
    return LARGE.model_copy(update=fields)


@pytest.mark.parametrize(
    "more",
    [{"num_clips": 200}, {"num_clips": 139, "prior_prompts": ("a sea",) * 61}],
    ids=["clips", "priors too"],
)
def test_what_is_kept_for_all_steps_counts(checkpoint: Path, more: dict[str, object]) -> None:
    few, many = (memory_of(checkpoint, one).run_bytes for one in (LARGE, changed(**more)))
    assert many - few == 197 * (LATENTS + EMBEDS)


def test_a_peak_is_of_so_many_clips_and_prior_videos() -> None:
    others = (LARGE, changed(num_clips=4), changed(prior_prompts=("a", "b")), changed(rank=8))
    assert len({TRAINING_KIND.shape(one) for one in others}) == len(others)
    assert TRAINING_KIND.shape(changed(prior_prompts=("a",))) == TRAINING_KIND.shape(
        changed(prior_prompts=("b",), seed=5)
    )
