"""MAGI-1 around its numbers: memory, streaming, prompts by chunk, files, bad input."""

import json
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from common.base.errors import CheckpointError, InvalidRequest
from magi1 import checkpoint
from magi1.configuration import OFFICIAL, MagiConfig, SamplingConfig
from magi1.guidance import Call
from magi1.kv_cache import KVCache
from magi1.sampler import Captions, MagiSampler, seeded_noise
from magi1.schedule import ChunkSchedule, check_steps, timesteps
from magi1.special_tokens import Prompt, SpecialTokens, in_order
from magi1.transformer import MagiTransformer3DModel
from tests.magi1_cases import COMMITTED

SHAPE = (1, 16, 6, 4, 6)
CASE = COMMITTED / "distill_t2v"
Loaded = tuple[MagiTransformer3DModel, MagiConfig]


@pytest.fixture(scope="module")
def distilled() -> Loaded:
    return checkpoint.load(CASE, dtype=torch.float32)


def prompt(seed: int) -> Prompt:
    embeds = torch.randn(64, 64, generator=torch.Generator().manual_seed(seed))
    return Prompt(embeds, (torch.arange(64) < 20).float())


def sampler_of(loaded: Loaded, num_chunks: int, *prompts: Prompt, **options: Any) -> MagiSampler:
    model, config = loaded
    steps = options.pop("steps", 4)
    tokens = SpecialTokens.read(COMMITTED / "special_tokens.npz")
    return MagiSampler(
        model,
        replace(config.sampling, num_inference_steps=steps),
        num_chunks=num_chunks,
        noise=seeded_noise(options.pop("seed", 3), SHAPE),
        captions=Captions(prompts or (prompt(0),), tokens),
        **options,
    )


def test_what_is_held_does_not_grow(distilled: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    caches: list[KVCache] = []
    write = KVCache.write
    monkeypatch.setattr(KVCache, "write", lambda self, *a: (caches.append(self), write(self, *a)))
    held: list[int] = []

    def on_call(_done: int, _calls: int, call: Call, _velocity: torch.Tensor) -> None:
        held.append(caches[-1].num_bytes if caches else 0)

    list(sampler_of(distilled, 20).chunks(on_call))
    one_chunk = 2 * 2 * SHAPE[2] * 2 * 3 * 4 * 8 * 4
    assert set(held[4:]) == {one_chunk}, "keys, values; layers; patches; heads, channels, bytes"


@pytest.mark.parametrize("ranges", [(5, 4, 3, 2), (2, 6), (1,), (3, 3, 1, 7)])
@pytest.mark.parametrize("clean", [1, 3, -1])
@pytest.mark.parametrize("window", [1, 2, 4])
@pytest.mark.parametrize("prefix", [0, 3])
def test_a_chunk_is_kept_exactly_as_long_as_it_is_seen(
    ranges: tuple[int, ...], clean: int, window: int, prefix: int
) -> None:
    config = SamplingConfig(
        num_inference_steps=8,
        window_size=window,
        noise_to_clean_kv_range=ranges,
        clean_kv_range=clean,
    )
    schedule = ChunkSchedule(config, num_chunks=24, num_prefix=prefix)
    steps = list(schedule)
    oldest_read = [
        min(layout.first_visible, layout.first) for layout in map(schedule.layout, steps)
    ]
    # Near its end a video has no later chunks left to read what a longer one would keep.
    for index in range(len(steps) - 8 * (max(ranges) + 8)):
        reads = [
            oldest
            for step, oldest in zip(steps[index:], oldest_read[index:], strict=True)
            if oldest < schedule.layout(step).first
        ]
        needed = min(reads, default=None)
        if needed is None or needed > schedule.layout(steps[index]).first:
            assert schedule.first_needed(index) >= schedule.layout(steps[index]).first
        else:
            assert schedule.first_needed(index) == needed


def test_a_chunk_comes_as_soon_as_it_is_clean(distilled: Loaded) -> None:
    calls: list[int] = []
    chunks = sampler_of(distilled, 50).chunks(lambda done, *_: calls.append(done))
    next(chunks)
    assert calls == [1, 2, 3, 4]
    next(chunks)
    assert calls == [1, 2, 3, 4, 5]


def test_a_callback_may_leave(distilled: Loaded) -> None:
    def stop(done: int, *_: object) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(sampler_of(distilled, 50).chunks(stop))


def test_seed_and_chunk_decide_the_noise() -> None:
    noise = seeded_noise(3, SHAPE)
    assert torch.equal(noise(7), seeded_noise(3, SHAPE)(7))
    assert not torch.equal(noise(7), noise(8))
    assert not torch.equal(noise(7), seeded_noise(4, SHAPE)(7))


def test_prompts_change_from_chunk_to_chunk(distilled: Loaded) -> None:
    same = list(sampler_of(distilled, 4, prompt(0)).chunks())
    changed = list(sampler_of(distilled, 4, prompt(0), prompt(1)).chunks())
    held = list(sampler_of(distilled, 4, prompt(0), prompt(1), prompt(1), prompt(1)).chunks())
    # Chunks see earlier ones only: what comes later changes nothing before.
    assert torch.allclose(same[0], changed[0], atol=1e-5)
    assert not torch.allclose(same[1], changed[1], atol=1e-2)
    assert all(torch.equal(a, b) for a, b in zip(changed, held, strict=True))


@pytest.mark.parametrize(("frames", "lengths"), [(0, [6, 6]), (1, [6, 6]), (5, [1, 6]), (6, [6])])
def test_the_first_chunk_goes_on_where_the_prefix_ends(
    distilled: Loaded, frames: int, lengths: list[int]
) -> None:
    prefix = torch.randn(1, 16, frames, 4, 6) if frames else None
    chunks = list(sampler_of(distilled, 2, prefix=prefix).chunks())
    assert [chunk.shape[2] for chunk in chunks] == lengths


def test_bfloat16_keeps_its_islands(distilled: Loaded) -> None:
    model, config = checkpoint.load(CASE, dtype=torch.bfloat16)
    wide = {name for name, p in model.named_parameters() if p.dtype == torch.float32}
    narrow = {name for name, p in model.named_parameters() if p.dtype == torch.bfloat16}
    assert {"patch_embed.weight", "blocks.0.attn.norm_q.weight", "norm_out.bias"} <= wide
    assert {"blocks.0.attn.norm_text_q.weight", "blocks.1.ffn.up.weight"} <= narrow
    ours = next(sampler_of((model, config), 2).chunks())
    exact = next(sampler_of(distilled, 2).chunks())
    assert ours.dtype == torch.float32
    assert (ours - exact).abs().mean() < 0.02 * exact.abs().mean()


def test_a_sharded_checkpoint_is_the_same(tmp_path: Path, distilled: Loaded) -> None:
    weights = tmp_path / "inference_weight.distill"
    weights.mkdir()
    shutil.copy(CASE / "config.json", tmp_path)
    tensors = load_file(CASE / "model.safetensors")
    shards: dict[str, dict[str, torch.Tensor]] = {"a.safetensors": {}, "b.safetensors": {}}
    for index, (key, tensor) in enumerate(tensors.items()):
        shards["ab"[index % 2] + ".safetensors"][key] = tensor
    for name, shard in shards.items():
        save_file(shard, weights / name)
    index_file = weights / "model.safetensors.index.json"
    weight_map = {key: name for name, shard in shards.items() for key in shard}
    index_file.write_text(json.dumps({"weight_map": weight_map}))
    model, _ = checkpoint.load(tmp_path, dtype=torch.float32)
    for ours, whole in zip(model.parameters(), distilled[0].parameters(), strict=True):
        assert torch.equal(ours, whole)


def test_fp8_weights_stand_for_what_their_layer_computes() -> None:
    """Against that layer's own arithmetic, with inputs that FP8 holds exactly."""
    weight = torch.randn(1, 12, 8).to(torch.float8_e4m3fn)
    quantized = torch.randint(-8, 9, (5, 8)).float()
    scale, gain = torch.tensor([0.25]), torch.tensor([0.5])
    product = quantized @ weight[0].float().t() * scale * gain
    plain = checkpoint.dequantize(weight, gain, scale)
    assert torch.allclose(quantized * scale @ plain.t(), product)
    smooth = torch.rand(1, 8) + 0.5
    smoothed = checkpoint.dequantize(weight, gain, scale, smooth)
    assert torch.allclose(quantized * smooth @ smoothed.t(), product, rtol=1e-4, atol=1e-5)


def test_an_fp8_checkpoint_is_read(tmp_path: Path, distilled: Loaded) -> None:
    shutil.copy(CASE / "config.json", tmp_path)
    tensors = load_file(CASE / "model.safetensors")
    module = "videodit_blocks.layers.1.mlp.linear_fc2."
    weight = tensors[module + "weight"]
    tensors[module + "weight"] = (weight[None] / 0.01).to(torch.float8_e4m3fn)
    tensors[module + "weight_scale"] = torch.tensor([0.01])
    tensors[module + "input_scale"] = torch.tensor([2.0])
    tensors[module + "smooth_scale"] = torch.full((1, weight.shape[1]), 2.0)
    save_file(tensors, tmp_path / "model.safetensors")
    model, _ = checkpoint.load(tmp_path, dtype=torch.float32)
    ours = dict(model.named_parameters())["blocks.1.ffn.down.weight"]
    assert ours.shape == weight.shape
    assert torch.allclose(ours, weight, rtol=0.07, atol=1e-4)


def test_damaged_checkpoints_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no official"):
        checkpoint.load(tmp_path, dtype=torch.float32)
    shutil.copy(CASE / "config.json", tmp_path)
    with pytest.raises(CheckpointError, match="incomplete"):
        checkpoint.load(tmp_path, dtype=torch.float32)
    tensors = load_file(CASE / "model.safetensors")
    tensors.pop("rope.bands")
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="does not fit"):
        checkpoint.load(tmp_path, dtype=torch.float32)


@pytest.mark.parametrize(
    ("name", "billions"), [("4.5B_distill", 4.46), ("24B_base", 23.9)], ids=["4.5B", "24B"]
)
def test_the_official_sizes(name: str, billions: float) -> None:
    with torch.device("meta"):
        model = MagiTransformer3DModel(**OFFICIAL[name].transformer.as_dict())
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == pytest.approx(billions * 1e9, rel=2e-3)


@pytest.mark.parametrize(("steps", "window"), [(10, 4), (2, 4), (0, 1), (6, 3)])
def test_steps_that_do_not_fit_are_refused(steps: int, window: int) -> None:
    config = SamplingConfig(num_inference_steps=steps, window_size=window)
    with pytest.raises(InvalidRequest, match="multiple of") as error:
        check_steps(config)
    assert error.value.body.param == "num_inference_steps"


def test_timesteps_run_from_noise_to_clean() -> None:
    for steps in (8, 12, 16, 64):
        t = timesteps(steps)
        assert (len(t), t[0], t[-1]) == (steps + 1, 0, pytest.approx(1))
        assert (t.diff() > 0).all()
    assert torch.allclose(timesteps(12)[[0, 1, 2, 3]], timesteps(16)[[0, 2, 3, 4]])
    assert torch.allclose(timesteps(12, "16,16,8")[[0, 1, 2, 3]], timesteps(16)[[0, 1, 2, 4]])


def test_tokens_are_put_in_order() -> None:
    assert in_order(["DURATION_TOKEN", "HQ_TOKEN", "STATIC_FIRST_FRAMES_TOKEN"]) == (
        "STATIC_FIRST_FRAMES_TOKEN",
        "HQ_TOKEN",
        "DURATION_TOKEN",
    )


def test_a_saved_model_is_read_back_by_diffusers(tmp_path: Path, distilled: Loaded) -> None:
    distilled[0].save_pretrained(tmp_path)
    again = MagiTransformer3DModel.from_pretrained(tmp_path)
    assert again.geometry == distilled[0].geometry
    for ours, read in zip(distilled[0].parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, read)


def test_only_asked_chunks_are_made(distilled: Loaded) -> None:
    assert len(list(islice(sampler_of(distilled, 1000).chunks(), 2))) == 2
