"""MAGI-1's limits, defaults, options, captions and estimates."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from common.base.errors import CheckpointError, InvalidRequest, Unresolvable
from common.base.settings import SettingsError
from common.contract import Variant
from common.contract.compute_dtype import ComputeDtype
from common.contract.hub import choose_variant, locate
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.weights import checkpoint_name, download_hint
from magi1.captions import clean_caption
from magi1.configuration import OFFICIAL
from magi1.estimates import MAGI_4_5B, MAGI_24B, chunk_flops, chunk_tokens, flops_of, memory_of
from magi1.model_config import SPEC
from magi1.options import Magi1Options
from magi1.pipeline import encode_prefix, sampling_for, token_names
from magi1.vae_checkpoint import load_vae
from scripts.tiny import magi1 as tiny
from tests.resolving import resolve

VARIANTS = {variant.name.partition("#")[2]: variant for variant in SPEC.variants}
DISTILL, BASE = VARIANTS["4.5B_distill"], VARIANTS["4.5B_base"]


def resolved(variant: Variant = DISTILL, **fields: object) -> ResolvedRequest:
    request = GenerateRequest.model_validate({"prompt": "a cat", **fields})
    return resolve(request, SPEC, variant).request


def test_the_spec_costs_no_torch():
    code = "import sys, magi1.model_config as m; assert m.SPEC; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_published_model_is_a_variant():
    assert set(VARIANTS) == set(OFFICIAL)
    assert SPEC.variants[0] is DISTILL


@pytest.mark.parametrize("name", sorted(OFFICIAL))
def test_steps_by_default_are_those_of_the_sampler(name: str):
    defaults, limits = VARIANTS[name].defaults, VARIANTS[name].limits
    assert defaults.num_inference_steps == OFFICIAL[name].sampling.num_inference_steps
    assert defaults.num_inference_steps in limits.legal_steps
    assert (defaults.guidance_scale > 1) == (OFFICIAL[name].sampling.guidance_passes == 3)


def test_lengths_are_whole_chunks_at_24_fps():
    picked = [resolved(num_frames=n).num_frames for n in (12, 24, 35, 36, 60, 14_400)]
    assert picked == [24, 24, 24, 48, 72, 14_400]
    assert resolved(duration=600).num_frames == 14_400
    request = GenerateRequest(prompt="a cat", duration=2.6, fps=30)
    found = resolve(request, SPEC, DISTILL)
    assert (found.request.num_frames, found.request.fps) == (72, 24)
    reasons = {change.field: change.reason for change in found.adjustments}
    assert reasons["duration"] == "frame counts are multiples of 24 at 24 fps"


@pytest.mark.parametrize(
    ("fields", "param", "hint"),
    [
        ({"num_frames": 11}, "num_frames", "Ask for 24."),
        ({"duration": 601}, "duration", "Ask for 600.00."),
        ({"num_inference_steps": 20}, "num_inference_steps", "Ask for 16; 16 is the default."),
        ({"guidance_scale": 7.5}, "guidance_scale", "Ask for 1; 1 is the default."),
        ({"negative_prompt": "blurry"}, "negative_prompt", None),
        ({"resolution": "1920x1080"}, "resolution", None),
    ],
)
def test_out_of_range_is_refused(fields: dict[str, object], param: str, hint: str | None):
    with pytest.raises(Unresolvable) as refused:
        resolved(**fields)
    assert refused.value.body.param == param
    assert hint is None or refused.value.body.hint == hint


def test_a_base_model_takes_guidance_and_steps_for_its_window():
    request = resolved(BASE, guidance_scale=5, num_inference_steps=20)
    sampling = sampling_for(OFFICIAL["4.5B_base"].sampling, request)
    assert sampling.text_scales == (5, 5, 5, 0, 0)
    assert sampling.num_inference_steps == 20
    with pytest.raises(Unresolvable, match="num_inference_steps 18"):
        resolved(BASE, num_inference_steps=18)


def test_an_empty_negative_prompt_is_none():
    assert resolved(negative_prompt="").negative_prompt == ""


def test_a_picture_keeps_its_shape():
    request = GenerateRequest(prompt="a cat")
    found = resolve(request, SPEC, DISTILL, Picture("cat.png", 1920, 1080)).request
    assert (found.width, found.height) == (960, 544)


def test_options_become_tokens_in_the_official_order():
    assert token_names(Magi1Options()) == ("HQ_TOKEN", "DURATION_TOKEN")
    options = Magi1Options(style="anime", first_frames="static", count_down=False)
    assert token_names(options) == ("STATIC_FIRST_FRAMES_TOKEN", "HQ_TOKEN", "TWO_D_ANIME_TOKEN")
    assert token_names(Magi1Options(high_quality=False, count_down=False)) == ()


def test_unknown_options_are_refused():
    with pytest.raises(InvalidRequest, match=r"options\.style"):
        resolved(options={"style": "oil"})
    with pytest.raises(InvalidRequest, match=r"options\.chunk_prompts"):
        resolved(options={"chunk_prompts": ["a"] * 601})


def test_a_variant_is_chosen_by_its_folder(tmp_path: Path):
    assert choose_variant(SPEC, None) is DISTILL
    assert choose_variant(SPEC, "sand-ai/MAGI-1#4.5B_base") is BASE
    with pytest.raises(SettingsError) as refused:
        choose_variant(SPEC, "sand-ai/MAGI-1")
    assert "sand-ai/MAGI-1#24B_base" in str(refused.value.body.hint)
    distill, base = tiny.build(tmp_path)
    found = locate(tmp_path, BASE)
    assert (found.id, found.path) == ("sand-ai/MAGI-1#4.5B_base", base)
    assert locate(tmp_path, DISTILL).path == distill
    assert checkpoint_name(distill) == "sand-ai/MAGI-1"
    assert download_hint(distill) == "Run: scripts/download_models.sh sand-ai/MAGI-1"
    with pytest.raises(CheckpointError, match="24B_base"):
        locate(tmp_path, VARIANTS["24B_base"])


def test_memory_does_not_grow_with_the_length(tmp_path: Path):
    checkpoint = tiny.build(tmp_path)[0]
    short, long = (memory_of(checkpoint, resolved(num_frames=n)) for n in (24, 14_400))
    assert short == long
    assert short.load_bytes > 0
    wide = memory_of(checkpoint, resolved(num_frames=24), ComputeDtype.FLOAT32)
    assert wide.load_bytes == 2 * short.load_bytes
    assert wide.run_bytes == pytest.approx(2 * short.run_bytes, rel=1e-6)
    larger = memory_of(checkpoint, resolved(resolution="1280x720"))
    assert larger.run_bytes > short.run_bytes
    (checkpoint.parents[1] / "t5" / "t5-v1_1-xxl" / "config.json").unlink()
    with pytest.raises(CheckpointError, match="text encoder"):
        memory_of(checkpoint, resolved())


def test_cost_grows_with_length_steps_and_passes():
    assert chunk_tokens(resolved()) == 6 * 45 * 45
    one = flops_of(resolved(num_frames=24))
    assert flops_of(resolved(num_frames=240)) == pytest.approx(10 * one)
    assert flops_of(resolved(BASE)) > 10 * flops_of(resolved())
    assert chunk_flops(1000, MAGI_24B, 3.5) > 4 * chunk_flops(1000, MAGI_4_5B, 3.5)


@pytest.mark.parametrize(
    ("caption", "cleaned"),
    [
        ("A Cat, walking on a BEACH.", "a cat, walking on a beach."),
        ("一只猫 a cat 猫", "a cat"),
        ("see https://example.com/a or www.cats.org now", "see or now"),
        ("this-is-my-cute-cat", "this is my cute cat"),
        ("a well-known cat", "a well-known cat"),
        ("cat &amp;lt;3 <b>bold</b> &quot;x&quot;", 'cat lt;3 bold "x"'),
        ("photo.jpg of a cat 1024x576 #123 @nick", "of a cat"),
        ("\u201cso\u201d \u2014 and \u2018so\u2019 on\u2026", "\"so\" - and 'so' on\u2026"),
        ('"all of it"', "all of it"),
        ("[brackets] (and) {braces} a|b a/b", "brackets and braces a b a b"),
        ("AT&T's 3x4 images", "at t's images"),
        ("50%20percent+off", "50 percent off"),
        ("<script>x=1</script><!-- no -->yes", "yes"),
        ("", ""),
    ],
)
def test_captions_are_cleaned_as_in_training(caption: str, cleaned: str):
    assert clean_caption(caption) == cleaned


def test_the_tiny_checkpoint_is_laid_out_like_the_hubs(tmp_path: Path):
    distill, base = tiny.build(tmp_path)
    parts = distill.parents[1]
    index = json.loads((base / "inference_weight" / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 1
    assert (distill / "inference_weight.distill" / "model.safetensors.index.json").is_file()
    assert (parts / "t5" / "t5-v1_1-xxl" / "pytorch_model.bin.index.json").is_file()
    assert json.loads((parts / "vae" / "config.json").read_text())["_class_name"] == "ViTVAE"
    assert (parts / "special_tokens.npz").is_file()


@pytest.mark.parametrize(("frames", "latents"), [(1, 1), (4, 1), (12, 3), (32, 8)])
def test_a_beginning_of_any_length_is_encoded(tmp_path: Path, frames: int, latents: int):
    parts = tiny.build(tmp_path)[0].parents[1]
    vae = load_vae(parts / "vae", device=torch.device("cpu"), dtype=torch.float32)
    video = np.full((frames, 32, 48, 3), 127, np.uint8)
    assert encode_prefix(vae, video).shape == (1, 16, latents, 4, 6)
