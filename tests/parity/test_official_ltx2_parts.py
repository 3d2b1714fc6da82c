"""LTX-2's schedule and the parts around its denoising, against the code of the model's authors."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("diffusers")

import torch
from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    LTX2Pipeline,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder, LTX2VocoderWithBWE
from diffusers.pipelines.ltx2.pipeline_ltx2 import calculate_shift
from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES
from PIL import Image

from ltx2.conditioning import condition_picture, encode
from ltx2.decoding import decode_audio, decode_latents, vocode
from ltx2.estimates import NUM_LAYERS, SPATIAL, TEMPORAL, float32_components
from ltx2.fidelity import ImageToVideo, constant_shift
from ltx2.guidance import PUBLISHED
from ltx2.model_config import LIMITS, LTX_2_0, LTX_2_3, NEGATIVE_PROMPT
from ltx2.traits import traits_of
from scripts.tiny import ltx2 as tiny
from tests.parity.official import CORE, FOLDER, Case, cases, facts_of, largest_error

KINDS = ("one_stage_", "image_", "text_", "vae_", "vocoder_", "schedule")
"""What a case's name begins with, of those that are tested here or in ``test_official_ltx2``."""

LARGE = {"vae_", "vocoder_"}
"""Kinds of which the small set beside the tests has no case."""

SIGMAS, ROUNDING, WAVEFORM = 2e-6, 1e-5, 2e-4
"""Largest absolute differences. Within one torch build the parts are equal to the bit, but for a
waveform, in which the last bit of a spectrogram counts twenty times."""

Parts = dict[str, Any]


def pipeline_with(cls: Any = LTX2Pipeline, **parts: Any) -> Any:
    """A pipeline of which only some parts are there."""
    names = (
        *("scheduler", "vae", "audio_vae", "text_encoder", "tokenizer"),
        *("connectors", "transformer", "vocoder"),
    )
    return cls(**{**dict.fromkeys(names), **parts})


def report(case: Case, **errors: float) -> None:
    for what, error in errors.items():
        print(f"{case} {what}: {error:.1e}")


def test_every_file_is_of_a_known_kind_and_whole():
    """A case that nothing runs would look like one that passes."""
    files = {path.name for path in (FOLDER / "ltx2").iterdir()}
    facts = {name.removesuffix(".json") for name in files if name.endswith(".json")}
    facts = {name for name in facts if not name.endswith("_names")}
    assert not {name for name in facts if not name.startswith(KINDS)}
    kinds = {kind for kind in KINDS if any(name.startswith(kind) for name in facts)}
    assert kinds == set(KINDS) - (LARGE if FOLDER == CORE else set())
    tensors = {name.removesuffix(".safetensors") for name in files if ".safetensors" in name}
    weights = {name for name in tensors if name.endswith(("_diffusers", "_official"))}
    assert tensors - weights == facts - {"schedule"}


# The schedule


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


# The picture


@pytest.mark.parametrize("case", cases("ltx2/image_*"), ids=str)
def test_pictures_are_prepared_as_the_authors_do(case: Case, tmp_path: Path):
    """Compressed pictures are equal where x264 has AVX2; without it they are 3 levels apart.

    Fitting a large picture before it is compressed, not after, costs 6.7.
    """
    facts, expected = case.facts, case.tensors()
    path = tmp_path / "source.png"
    Image.fromarray(expected["source_uint8"].numpy()).save(path)
    size = facts["width"], facts["height"]
    for crf in (0, 18, 33):
        made = condition_picture(path, *size, crf) * 2 - 1
        error = (made - expected[f"pixels_crf{crf}"][:, :, 0]).abs()
        levels = 127.5 * float(error.mean())
        report(case, **{f"crf{crf}": float(error.max()), f"crf{crf} levels": levels})
        assert levels < (4 if crf else 1e-3)


def test_a_picture_is_compressed_the_same_on_any_number_of_cores():
    """x264 writes its settings into the stream."""
    assert b" threads=1 " in encode(np.zeros((64, 65, 3), np.uint8), 33)


def test_a_picture_reaches_the_video_encoder_as_it_was_prepared():
    pictures = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    pipeline = pipeline_with(ImageToVideo)
    made = pipeline.video_processor.preprocess(pictures, height=64, width=96)
    assert torch.equal(made, pictures * 2 - 1)


# Text, picture and sound


@pytest.mark.parametrize("case", cases("ltx2/text_*"), ids=str)
@torch.no_grad()
def test_text_reaches_the_transformer_as_the_authors_send_it(case: Case):
    facts, expected = case.facts, case.tensors()
    connectors = LTX2TextConnectors(**facts["config_diffusers"]).eval()
    connectors.load_state_dict(case.weights(facts["weights"]))
    video, audio, mask = connectors(
        expected["hidden_states"], expected["attention_mask"], padding_side=facts["padding"]
    )
    errors = {
        "video": largest_error(video, expected["video_encoding"]),
        "audio": largest_error(audio, expected["audio_encoding"]),
    }
    report(case, **errors)
    assert max(errors.values()) < ROUNDING
    assert torch.equal(mask.flatten(), expected["output_mask"].flatten())


@pytest.mark.parametrize("case", cases("ltx2/vae_*"), ids=str)
@torch.no_grad()
def test_video_is_encoded_and_decoded_as_the_authors_do(case: Case):
    """In one piece. Tiles of theirs, here with a step of one latent, are none of ours."""
    facts, expected = case.facts, case.tensors()
    vae = AutoencoderKLLTX2Video(**facts["config_diffusers"]).eval()
    vae.load_state_dict(case.weights(facts["weights"]))
    pipeline = pipeline_with(ImageToVideo, vae=vae)
    packed, _ = pipeline.prepare_latents(
        expected["picture"][:, :, 0],
        num_channels_latents=facts["config_diffusers"]["latent_channels"],
        height=facts["height"],
        width=facts["width"],
        num_frames=facts["num_frames"],
        dtype=torch.float32,
    )
    picture = pipeline._pack_latents(expected["encoded_picture"])
    decoded = decode_latents(pipeline, expected["latents"], available=2**40)
    errors = {
        "decoded": largest_error(decoded, expected["decoded"]),
        "encoded": largest_error(packed[:, : picture.shape[1]], picture),
    }
    report(case, **errors)
    assert max(errors.values()) < ROUNDING


def audio_parts(case: Case) -> Parts:
    facts, weights = case.facts, case.weights(case.facts["weights"])
    vocoder_class = LTX2Vocoder if facts["generation"] == "2.0" else LTX2VocoderWithBWE
    parts: Parts = {
        "audio_vae": AutoencoderKLLTX2Audio(**facts["audio_vae_config_diffusers"]),
        "vocoder": vocoder_class(**facts["vocoder_config_diffusers"]),
    }
    for name, part in parts.items():
        own = {
            k.removeprefix(f"{name}."): v for k, v in weights.items() if k.startswith(f"{name}.")
        }
        missing, strangers = part.eval().load_state_dict(own, strict=False)
        assert not strangers
        assert all(key.startswith("encoder.") for key in missing)  # sound is only decoded here
    return parts


@pytest.mark.parametrize("case", cases("ltx2/vocoder_*"), ids=str)
def test_sound_is_decoded_as_the_authors_do(case: Case):
    expected = case.tensors()
    pipeline = pipeline_with(**audio_parts(case))
    packed = pipeline._pack_audio_latents(expected["latents"])
    vae = pipeline.audio_vae
    wide = pipeline._denormalize_audio_latents(packed, vae.latents_mean, vae.latents_std)
    latents = pipeline._unpack_audio_latents(wide, *expected["latents"].shape[2:])
    track = decode_audio(pipeline, latents)
    error = largest_error(torch.from_numpy(track.samples.T), expected["waveform"])
    report(case, waveform=error)
    assert error < WAVEFORM
    assert track.sample_rate == case.facts["sampling_rate"]


@pytest.mark.parametrize("case", cases("ltx2/vocoder_*"), ids=str)
def test_the_vocoder_computes_in_the_authors_format(case: Case, tmp_path: Path):
    """From bfloat16 weights and a bfloat16 spectrogram: 2.0 in bfloat16, 2.3 in float32.

    Two machines' bfloat16 differ by as much as it differs from float32, so 2.0 is held to that.
    """
    expected = case.tensors()
    vocoder = audio_parts(case)["vocoder"].bfloat16()
    (tmp_path / "vocoder").mkdir()
    config = {"_class_name": type(vocoder).__name__}
    (tmp_path / "vocoder" / "config.json").write_text(json.dumps(config))
    if "vocoder" in float32_components(tmp_path):
        vocoder = vocoder.float()
    track = vocode(pipeline_with(vocoder=vocoder), expected["spectrogram"].bfloat16())
    made, theirs = torch.from_numpy(track.samples.T), expected["waveform_weights_bfloat16_official"]
    error = float((made - theirs).norm() / theirs.norm())
    report(case, relative=error)
    assert error < (1e-3 if vocoder.dtype == torch.float32 else 0.05)
    assert (vocoder.dtype == torch.float32) == (case.facts["generation"] == "2.3")
