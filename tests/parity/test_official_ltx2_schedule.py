"""LTX-2's schedule and defaults, against those of the model's authors."""

import hashlib
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import LTX2VideoTransformer3DModel
from diffusers.pipelines.ltx2.pipeline_ltx2 import calculate_shift
from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES

from ltx2.estimates import NUM_LAYERS, SPATIAL, TEMPORAL
from ltx2.fidelity import constant_shift
from ltx2.guidance import PUBLISHED
from ltx2.model_config import LIMITS, LTX_2_0, LTX_2_3, NEGATIVE_PROMPT
from ltx2.traits import traits_of
from scripts.tiny import ltx2 as tiny
from tests.parity.official import facts_of, largest_error
from tests.parity.test_official_ltx2_parts import pipeline_with

SIGMAS = 2e-6
"""Largest absolute difference; 2e-7 in one torch build."""


def sigmas_for(steps: int, tokens: int) -> torch.Tensor:
    """As the pipeline's call asks the scheduler of a loaded checkpoint."""
    scheduler = constant_shift(tiny._scheduler(distilled=False))
    scheduler.set_timesteps(
        sigmas=np.linspace(1.0, 1 / steps, steps), mu=shift_of(scheduler, tokens)
    )
    sigmas: torch.Tensor = scheduler.sigmas
    return sigmas


def shift_of(scheduler: Any, tokens: Any) -> Any:
    names = ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")
    return calculate_shift(tokens, *(scheduler.config[name] for name in names))


def legal_token_counts() -> "np.ndarray[Any, Any]":
    """Of every size and length that a request can have."""
    latents = np.arange(LIMITS.min_side, LIMITS.max_side + 1, LIMITS.size_multiple) // SPATIAL
    area = np.outer(latents, latents)
    area = np.unique(area[area * SPATIAL**2 <= LIMITS.max_pixels])
    frames = np.arange(LIMITS.min_frames, LIMITS.max_frames + 1, LIMITS.frames_step)
    return np.unique(np.outer(area, (frames - 1) // TEMPORAL + 1))


def authors_sigmas(steps: int) -> "np.ndarray[Any, Any]":
    """``LTX2Scheduler.execute(steps=N)`` of ltx_core/components/schedulers.py, in float64."""
    even = np.linspace(1, 0, steps + 1)[:-1]
    shifted = np.exp(2.05) / (np.exp(2.05) + (1 / even - 1))
    stretched = 1 - (1 - shifted) * (1 - 0.1) / (1 - shifted[-1])
    return np.append(stretched, 0)


def test_the_schedule_is_the_authors():
    published = facts_of("ltx2/schedule")
    for steps, sigmas in published["one_stage"]["sigmas"].items():
        error = largest_error(sigmas_for(int(steps), 4096), torch.tensor(sigmas))
        print(f"sigmas of {steps} steps: {error:.1e}")
        assert error < SIGMAS
    for row in published["one_stage_by_size"]:
        made = sigmas_for(row["steps"], row["latent_tokens"])
        assert largest_error(made, torch.tensor(row["sigmas"])) < SIGMAS, row
    assert published["distilled"]["stage_1"]["sigmas"][:-1] == pytest.approx(DISTILLED_SIGMA_VALUES)


def test_every_legal_job_has_the_authors_sigmas():
    """The shift is the same to the bit at any length; so what remains are the numbers of steps."""
    tokens = legal_token_counts()
    assert tokens.max() == (1920 // 32) * (1088 // 32) * 61
    shifts = shift_of(constant_shift(tiny._scheduler(distilled=False)), tokens)
    assert set(shifts.tolist()) == {2.05}
    for steps in range(LIMITS.min_steps, LIMITS.max_steps + 1):
        sigmas = sigmas_for(steps, int(tokens.max()))
        assert torch.isfinite(sigmas).all()
        assert np.abs(sigmas.numpy() - authors_sigmas(steps)).max() < SIGMAS, steps


def test_defaults_are_the_authors():
    """But for the seed, which is drawn, and for the sizes of their two-stage pipeline."""
    published = facts_of("ltx2/schedule")["defaults"]
    for variant, name in (
        (LTX_2_0, "LTX-2.0 (LTX_2_PARAMS)"),
        (LTX_2_3, "LTX-2.3 (LTX_2_3_PARAMS)"),
    ):
        theirs, ours = published[name], variant.defaults
        assert (ours.width, ours.height) == (theirs["one_stage_width"], theirs["one_stage_height"])
        assert (ours.num_frames, ours.fps) == (theirs["num_frames"], theirs["frame_rate"])
        assert ours.num_inference_steps == theirs["num_inference_steps"]
        video, audio = theirs["video"], theirs["audio"]
        blocks = stg_blocks(is_ltx_2_3=variant is LTX_2_3)
        assert video["stg_blocks"] == audio["stg_blocks"] == blocks
        assert ours.guidance_scale == video["cfg_scale"]
        for prefix, scales in (("", video), ("audio_", audio)):
            values = vars(PUBLISHED)
            assert values[f"{prefix}stg_scale"] == scales["stg_scale"]
            assert values[f"{prefix}modality_scale"] == scales["modality_scale"]
            assert values[f"{prefix}guidance_rescale"] == scales["rescale_scale"]
        assert PUBLISHED.audio_guidance_scale == audio["cfg_scale"]


def stg_blocks(*, is_ltx_2_3: bool) -> list[int]:
    """Of a transformer with as many blocks as the published ones."""
    with torch.device("meta"):
        transformer = LTX2VideoTransformer3DModel(
            num_attention_heads=1,
            audio_num_attention_heads=1,
            num_layers=NUM_LAYERS,
            cross_attn_mod=is_ltx_2_3,
        )
    scheduler = tiny._scheduler(distilled=False)
    return list(traits_of(pipeline_with(transformer=transformer, scheduler=scheduler)).stg_blocks)


def test_the_negative_prompt_is_the_authors():
    published = facts_of("ltx2/schedule")["defaults"]["negative_prompt"]["official"]
    assert len(NEGATIVE_PROMPT) == published["characters"]
    assert hashlib.sha256(NEGATIVE_PROMPT.encode()).hexdigest() == published["sha256"]
