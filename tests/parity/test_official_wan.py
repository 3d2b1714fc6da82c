"""Wan as its authors' own code computes it: tests/parity/official, or all of ``OFFICIAL_DIR``.

Each case goes through the denoising of every service that runs its model. Errors are printed
(``pytest -s``); docs/fidelity.md says what is compared.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import WanTransformer3DModel
from PIL import Image
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModel

import wan21.pipeline as wan21
import waver.pipeline as waver
from common.contract import LoadOptions, Variant
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.causal_decoding import _denormalized, _pieces, decode
from common.runtime.flow_unipc import FlowUniPCScheduler
from scripts.tiny import publish
from scripts.tiny import wan21 as tiny
from tests.job_contexts import Unwatched
from tests.parity.official import FOLDER, Case, cases, facts_of, largest_error
from tests.parity.official_wan import Pass, passes_of, pipeline_of, request_of, vae_of
from wan21.flow_shift import flow_shift_for
from wan21.image_to_video import WholePicturePipeline
from wan21.model_config import FLF2V_720P, I2V_480P, I2V_720P, T2V_1_3B, T2V_14B
from waver.variants import TI2V_5B

CPU = LoadOptions(device="cpu", compute_dtype="bfloat16")
"""As on a GPU, so that what must be in float32 is seen to be."""
BUILD = 1 if torch.__version__.startswith("2.13.0") else 10
"""Another torch build than the authors' code ran in sums in another order."""
SIGMAS, PREDICTION, LATENTS, DECODED = 1e-6, 5e-6 * BUILD, 5e-5 * BUILD, 2e-5 * BUILD
"""Largest absolute differences that the reference's README measured."""
ENCODED, PIXELS = 1e-5, 1e-5
"""1e-6 and 2e-6 were measured, the last bit of a float32: no room for another processor."""


def in_wan21(case: Case, pipeline: Any, request: ResolvedRequest) -> torch.Tensor:
    return wan21._denoise(pipeline, request, Unwatched())


def in_waver(case: Case, pipeline: Any, request: ResolvedRequest) -> torch.Tensor:
    return waver._denoise(pipeline, [request], Unwatched())


Run = Callable[[Case, Any, ResolvedRequest], torch.Tensor]
"""Denoises as a service does: a case, its pipeline, its job; answers latents [1, C, T, H, W]."""

SERVICES: dict[str, tuple[Run, ...]] = {
    "t2v": (in_wan21, in_waver),
    "i2v": (in_wan21,),
    "flf2v": (in_wan21,),
    "ti2v-5B": (in_waver,),
}
"""By the kind of a case; one that is not here is an error, not a case to leave out."""
RUNS = [(case, run) for case in cases("wan21/denoise_*") for run in SERVICES[case.facts["kind"]]]

EACH_RUN = pytest.mark.parametrize(
    ("case", "run"), RUNS, ids=[f"{case.path.name}-{run.__name__}" for case, run in RUNS]
)


def test_no_file_of_the_folder_is_left_out() -> None:
    kinds = ("denoise_*", "vae_a*", "clip_pixels_*")
    ours = {str(case) for kind in kinds for case in cases(f"wan21/{kind}")}
    names = {path.stem for path in (FOLDER / "wan21").glob("*.json")}
    numbers_and_names = {name for name in names if name == "schedule" or name.endswith("_names")}
    assert {f"wan21/{name}" for name in names - numbers_and_names} == ours
    assert ours, "an empty folder would pass everything"


# Denoising


@EACH_RUN
def test_denoising_is_the_authors(case: Case, run: Run, tmp_path: Path) -> None:
    facts, theirs = case.facts, case.tensors()
    if facts["solver"] == "dpm++":
        pytest.skip("DPM++ is not offered")
    assert facts["solver"] == "unipc"
    pipeline, request = pipeline_of(case), request_of(case, tmp_path)
    passes, final = passes_of(pipeline.transformer, lambda: run(case, pipeline, request))

    guided, unguided = passes[::2], passes[1::2]
    assert [int(step.timestep.max()) for step in guided] == theirs["timesteps"].tolist()
    assert_given(guided[0], unguided[0], theirs)
    channels = len(theirs["noise"])
    steps = torch.stack([step.hidden_states[0, :channels] for step in guided[1:]] + [final[0]])
    errors = {
        "steps": largest_error(steps, theirs["step_latents"]),
        "final": largest_error(final[0], theirs["final_latents"]),
        "relative": distance(final[0], theirs["final_latents"]),
        **first_prediction(guided[0], unguided[0], facts["guide_scale"], theirs),
    }
    print(f"{case} {run.__name__}: {errors}")
    assert errors["steps"] <= LATENTS
    assert errors["final"] <= LATENTS


@EACH_RUN
def test_in_bfloat16_it_stays_close(case: Case, run: Run, tmp_path: Path) -> None:
    """As on a GPU: the transformer in bfloat16; autoencoder, CLIP and latents in float32."""
    theirs, pipeline = case.tensors(), pipeline_of(case)
    if case.facts["solver"] == "dpm++":
        pytest.skip("DPM++ is not offered")
    pipeline.transformer.save_pretrained(tmp_path / "transformer")
    pipeline.transformer = WanTransformer3DModel.from_pretrained(
        tmp_path / "transformer", dtype=torch.bfloat16
    )
    final = run(case, pipeline, request_of(case, tmp_path))
    assert final.dtype == torch.float32, "nothing is rounded between two steps"
    relative = distance(final[0], theirs["final_latents"])
    print(f"{case} {run.__name__}, bfloat16: {relative:.2%}")
    assert 0 < relative < 0.03


def distance(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Of all numbers together, as a share of theirs."""
    return float((ours - theirs).norm() / theirs.norm())


def first_prediction(
    guided: Pass, unguided: Pass, scale: float, theirs: dict[str, torch.Tensor]
) -> dict[str, float]:
    """Its error, where the authors' is there. Guidance makes a pass's own error as much larger."""
    if "first_step_guided_prediction" not in theirs:
        return {}
    predicted = unguided.predicted + scale * (guided.predicted - unguided.predicted)
    error = largest_error(predicted[0], theirs["first_step_guided_prediction"])
    assert error <= (2 * scale - 1) * PREDICTION
    return {"first prediction": error}


def assert_given(guided: Pass, unguided: Pass, theirs: dict[str, torch.Tensor]) -> None:
    """The transformer's first inputs are the authors'."""
    for step, name in ((guided, "text"), (unguided, "text_negative")):
        tokens = len(theirs[name])
        assert torch.equal(step.text[0, :tokens], theirs[name])
        assert step.text.shape[1] == 512
        assert not step.text[0, tokens:].any(), "padded with zeros"
    given, noise = guided.hidden_states[0], theirs["noise"]
    if "first_frame_latents" in theirs:
        assert torch.equal(given, torch.cat([theirs["first_frame_latents"], noise[:, 1:]], dim=1))
    else:
        assert torch.equal(given[: len(noise)], noise)
    if "first_step_token_timesteps" in theirs:
        assert torch.equal(guided.timestep.float(), theirs["first_step_token_timesteps"])
    if "condition_mask" in theirs:
        assert guided.features is not None
        assert torch.equal(guided.features, theirs["clip_features"])
        mask, condition = given[len(noise) :].split([4, 16])
        assert torch.equal(mask, theirs["condition_mask"])
        assert largest_error(condition, theirs["condition_latents"]) <= ENCODED


# The schedule


def test_noise_levels_are_the_authors() -> None:
    facts = facts_of("wan21/schedule")
    schedules = [*facts["schedules"], *facts["wan2.2_ti2v_5B"]["schedules"]]
    assert schedules
    for theirs in schedules:
        ours = FlowUniPCScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=theirs["shift"]
        )
        ours.set_timesteps(theirs["steps"])
        assert ours.timesteps.tolist() == theirs["unipc"]["timesteps"]
        assert largest_error(ours.sigmas, torch.tensor(theirs["unipc"]["sigmas"])) <= SIGMAS


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("variant", "task"),
    [
        (T2V_14B, "t2v-14B"),
        (I2V_480P, "i2v-14B"),
        (I2V_720P, "i2v-14B"),
        (FLF2V_720P, "flf2v-14B"),
        (T2V_1_3B, "t2v-1.3B"),
    ],
    ids=lambda value: getattr(value, "checkpoint", value),
)
def test_defaults_are_the_authors(variant: Variant, task: str) -> None:
    theirs, ours = facts_of("wan21/schedule")["defaults_wan2.1"][task], variant.defaults
    assert sha256(ours.negative_prompt) == theirs["negative_prompt"]["sha256"]
    assert ours.fps == theirs["fps"]
    for at in theirs["by_size"]:
        assert (ours.num_inference_steps, ours.num_frames) == (at["steps"], at["frames"])
        width, height = map(int, at["size"].split("*"))
        shift = flow_shift_for(
            width,
            height,
            num_attention_heads=theirs["heads"],
            from_picture=task.startswith(("i2v", "flf2v")),
            to_picture=task.startswith("flf2v"),
        )
        if variant is T2V_1_3B:  # its model card says so; docs/fidelity.md
            assert (shift, ours.guidance_scale) == (8.0, 6.0)
        else:
            assert (shift, ours.guidance_scale) == (at["shift"], at["guide_scale"])


def test_defaults_of_the_stand_in_are_the_authors() -> None:
    theirs, ours = facts_of("wan21/schedule")["defaults_wan2.2"]["ti2v-5B"], TI2V_5B.defaults
    assert sha256(ours.negative_prompt) == theirs["negative_prompt"]["sha256"]
    assert f"{ours.width}*{ours.height}" in theirs["sizes"]
    assert theirs["shift"] == waver.FLOW_SHIFT_5B
    assert (ours.num_inference_steps, ours.guidance_scale) == (50, theirs["guide_scale"])
    assert (ours.num_frames, ours.fps) == (theirs["frames"], theirs["fps"])


# The autoencoder


@pytest.mark.parametrize("load", [wan21.load, waver.load], ids=["in_wan21", "in_waver"])
@pytest.mark.parametrize("case", cases("wan21/vae_a*"), ids=str)
def test_the_autoencoder_is_the_authors(case: Case, load: Any, tmp_path: Path) -> None:
    """As a service brings it into memory, whatever the rest computes in."""
    theirs, vae = case.tensors(), load(checkpoint_with(case, tmp_path), CPU).vae
    latents = theirs["latents"][None]
    with torch.no_grad():
        decoded = torch.cat(list(_pieces(vae, _denormalized(vae, latents))), dim=2)[0]
        encoded = vae.encode(theirs["video"][None].to(vae.dtype)).latent_dist.mode()[0]
    mean, std = (
        torch.tensor(values).view(-1, 1, 1, 1)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    errors = {
        "decoded": largest_error(decoded, theirs["decoded"]),
        "encoded": largest_error((encoded - mean) / std, theirs["encoded_latents"]),
    }
    print(f"{case}: {errors}")
    assert errors["decoded"] <= DECODED
    assert errors["encoded"] <= ENCODED
    frames = np.concatenate(list(decode(vae, latents, Unwatched(), needed_bytes=0, available=1)))
    levels = (theirs["decoded"].permute(1, 2, 3, 0).numpy() + 1) * 127.5
    assert np.abs(frames - levels).max() <= 0.51, "rounded to the nearest level"


def checkpoint_with(case: Case, models: Path) -> Path:
    """A checkpoint of the 1.3B that has the case's autoencoder among tiny other parts."""

    def save(folder: Path) -> None:
        tiny.save_t2v(folder, num_heads=12)
        vae_of(case).save_pretrained(folder / "vae")

    return publish(models, T2V_1_3B.checkpoint, Path(__file__), save, force=True)


# The picture


@pytest.mark.parametrize("case", cases("wan21/clip_pixels_*"), ids=str)
def test_clip_sees_what_it_sees_at_the_authors(case: Case) -> None:
    theirs = case.tensors()
    seen = seen_by_clip(Image.fromarray(theirs["image_uint8"].numpy()))
    error = largest_error(seen[0], theirs["clip_pixels_official"])
    print(f"{case}: {error}")
    assert error <= PIXELS


@pytest.mark.parametrize("edge", [np.s_[:, :8], np.s_[:, -8:], np.s_[:8], np.s_[-8:]])
@pytest.mark.parametrize("size", [(832, 480), (480, 832)])
def test_clip_sees_all_edges(size: tuple[int, int], edge: tuple[slice, ...]) -> None:
    pixels = np.zeros((*size, 3), np.uint8)
    dark = seen_by_clip(Image.fromarray(pixels))
    pixels[edge] = 255
    assert (seen_by_clip(Image.fromarray(pixels)) - dark).max() > 1


def seen_by_clip(picture: Image.Image) -> torch.Tensor:
    """What the pipeline of image to video shows its encoder: [1, 3, 224, 224]."""
    encoder = CLIPVisionModel(
        CLIPVisionConfig(
            hidden_size=8, intermediate_size=8, num_hidden_layers=2, num_attention_heads=1
        )
    )
    kind = wan21.PIPELINES["WanImageToVideoPipeline"]
    pipeline = kind(
        *(None,) * 4, image_processor=CLIPImageProcessorPil(), image_encoder=encoder.eval()
    )
    seen: list[torch.Tensor] = []
    encoder.register_forward_pre_hook(
        lambda _module, _args, given: seen.append(given["pixel_values"]), with_kwargs=True
    )
    with torch.no_grad():
        pipeline.encode_image(picture)
    return seen[0]


def test_what_the_authors_run_in_float32_is_loaded_so(tmp_path: Path) -> None:
    tiny.save_i2v(tmp_path)
    pipeline = wan21.load(tmp_path, CPU)
    assert isinstance(pipeline, WholePicturePipeline)
    for part in (pipeline.vae, pipeline.image_encoder):
        assert {weight.dtype for weight in part.parameters()} == {torch.float32}
