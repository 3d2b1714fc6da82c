"""Wan 2.2's A14B as its authors' own code computes it, on two tiny experts.

``official/wan22`` was made by their ``WanModel`` and ``FlowUniPCMultistepScheduler`` in the loop of
wan/text2video.py and wan/image2video.py, in float32, on the weights, noise and text of a case of
``official/wan21``. The expert for low noise has every weight times a number, so that one in the
other's place is seen.
"""

from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import WanTransformer3DModel

import wan21.pipeline as wan21
from common.contract import Variant
from common.runtime.flow_unipc import FlowUniPCScheduler
from tests.job_contexts import Unwatched
from tests.parity.official import CORE, FOLDER, Case, facts_of, largest_error
from tests.parity.official_wan import passes_of, pipeline_of, request_of
from tests.parity.test_official_wan import LATENTS, SIGMAS, sha256
from wan21 import experts
from wan21.experts import high_noise_steps
from wan21.flow_shift import flow_shift_for
from wan21.model_config import I2V_A14B, T2V_A14B

OURS = Case(CORE / "wan22" / "experts")
CASES = OURS.facts["cases"]
KINDS = {"t2v": "WanPipeline", "i2v": "WanImageToVideoPipeline"}
TASKS = {"t2v-A14B": T2V_A14B, "i2v-A14B": I2V_A14B}
BOUNDARIES = {"t2v-A14B": experts.BOUNDARY_T2V, "i2v-A14B": experts.BOUNDARY_I2V}


def pipeline_with_experts(kind: str, case: Case) -> Any:
    """As ``load`` makes it from a published checkpoint, in float32. It has no branch for CLIP."""
    facts, base = CASES[kind], pipeline_of(case)
    config = {**case.facts["transformer_config_diffusers"], "image_dim": None}
    config["added_kv_proj_dim"] = None
    weights = case.weights(case.facts["weights"])
    first, second = (
        expert(config, weights, share=share) for share in (1.0, facts["low_noise_weights"])
    )
    absent = dict.fromkeys({"image_encoder", "image_processor"} & set(base.components))
    parts = {**base.components, **absent, "transformer": first, "transformer_2": second}
    pipeline = wan21.PIPELINES[KINDS[kind]](**parts, boundary_ratio=facts["boundary"])
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def expert(
    config: dict[str, Any], weights: dict[str, torch.Tensor], *, share: float
) -> WanTransformer3DModel:
    transformer = WanTransformer3DModel(**config).eval()
    names = transformer.state_dict()
    transformer.load_state_dict({name: weights[name] * share for name in names})
    return transformer


@pytest.mark.parametrize("kind", CASES)
def test_denoising_is_the_authors(kind: str, tmp_path: Path) -> None:
    facts = CASES[kind]
    case = Case(FOLDER / "wan21" / facts["case"])
    pipeline, scales = pipeline_with_experts(kind, case), facts["guide_scale"]
    request = request_of(case, tmp_path).model_copy(
        update={
            "num_inference_steps": facts["steps"],
            "guidance_scale": scales["high_noise"],
            "options": {"flow_shift": facts["shift"], "guidance_scale_2": scales["low_noise"]},
        }
    )

    def run() -> torch.Tensor:
        return wan21._denoise(pipeline, request, Unwatched())

    low, (high, final) = passes_of(
        pipeline.transformer_2, lambda: passes_of(pipeline.transformer, run)
    )
    seen = [int(each.timestep) for each in (*high[::2], *low[::2])]
    assert seen == facts["timesteps"]
    assert len(high) == 2 * facts["high_noise_steps"]
    error = largest_error(final[0], OURS.tensors()[kind])
    print(f"{kind}: {error}")
    assert error <= LATENTS


@pytest.mark.parametrize("task", TASKS)
def test_noise_levels_and_whose_they_are(task: str) -> None:
    found = facts_of("wan21/schedule")["wan2.2_experts"][task]
    boundary = BOUNDARIES[task]
    for theirs in found:
        scheduler = FlowUniPCScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=theirs["shift"]
        )
        scheduler.set_timesteps(theirs["steps"])
        assert scheduler.timesteps.tolist() == theirs["timesteps"]
        assert largest_error(scheduler.sigmas, torch.tensor(theirs["sigmas"])) <= SIGMAS
        high = high_noise_steps(theirs["steps"], theirs["shift"], boundary)
        assert high == theirs["high_noise_steps"]
        assert sum(t >= boundary * 1000 for t in theirs["timesteps"]) == high


@pytest.mark.parametrize("task", TASKS)
def test_defaults_are_the_authors(task: str) -> None:
    theirs = facts_of("wan21/schedule")["defaults_wan2.2"][task]
    variant: Variant = TASKS[task]
    ours = variant.defaults
    assert sha256(ours.negative_prompt) == theirs["negative_prompt"]["sha256"]
    assert (ours.num_inference_steps, ours.num_frames) == (theirs["steps"], theirs["frames"])
    assert ours.fps == theirs["fps"]
    scales = {"high_noise": ours.guidance_scale, "low_noise": ours.guidance_scale_2}
    assert scales == theirs["guide_scale"]
    assert BOUNDARIES[task] == theirs["boundary"]
    for size in theirs["sizes"]:
        width, height = map(int, size.split("*"))
        assert width * height <= variant.limits.max_pixels
        shift = flow_shift_for(
            width,
            height,
            num_attention_heads=40,
            from_picture=task.startswith("i2v"),
            two_experts=True,
        )
        assert shift == theirs["shift"]
