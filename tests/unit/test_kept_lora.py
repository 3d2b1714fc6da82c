"""LoRAs beside the weights: as strong as they are told, and gone without a trace."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import save_file

from common.base.errors import CheckpointError, Unresolvable
from common.base.settings import SettingsError
from common.kinds.video.loras import LoraFolder, LoraUse, ResolvedLora
from common.runtime import linear_fp8, linear_nf4
from common.runtime.kept_lora import Shelf
from common.runtime.lora_names import to_diffusers_names
from wan21.lora import open_lora
from wan21.model_config import T2V_1_3B
from waver.variants import WAVER_1_0

CHANNELS, TEXT, RANK = 16, 24, 3
LAYERS = {"blocks.0.self_attn.q": (24, 24), "blocks.1.ffn.0": (48, 24)}


def small() -> WanTransformer3DModel:
    torch.manual_seed(0)
    sizes = {"num_attention_heads": 2, "attention_head_dim": 12, "ffn_dim": 48, "num_layers": 2}
    channels = {"in_channels": CHANNELS, "out_channels": CHANNELS, "text_dim": TEXT}
    return WanTransformer3DModel(**sizes, **channels)


def write(models: Path, name: str, *, alpha: float | None = None, extra: str = "") -> None:
    torch.manual_seed(len(name))
    tensors = {}
    for layer, (rows, columns) in LAYERS.items():
        tensors[f"diffusion_model.{layer}.lora_A.weight"] = torch.randn(RANK, columns)
        tensors[f"diffusion_model.{layer}.lora_B.weight"] = torch.randn(rows, RANK)
        if alpha is not None:
            tensors[f"diffusion_model.{layer}.alpha"] = torch.tensor(alpha)
    if extra:
        tensors[extra] = torch.zeros(24)
    (models / "loras").mkdir(exist_ok=True)
    told = {"ss_base_model_version": "Wan-AI/Wan2.1"}
    save_file(tensors, models / "loras" / f"{name}.safetensors", told)


def use(name: str, strength: float = 1.0) -> ResolvedLora:
    return ResolvedLora(name=name, strength=strength, size_bytes=1)


def seen(transformer: WanTransformer3DModel) -> torch.Tensor:
    torch.manual_seed(2)
    latents, words = torch.randn(1, CHANNELS, 2, 4, 4), torch.randn(1, 4, TEXT)
    with torch.no_grad():
        found: torch.Tensor = transformer(latents, torch.tensor([500.0]), words, return_dict=False)[
            0
        ]
    return found


def beside(
    models: Path, loras: Sequence[ResolvedLora], transformer: WanTransformer3DModel
) -> torch.Tensor:
    with Shelf(models / "loras", to_diffusers_names).applied(transformer, loras):
        return seen(transformer)


@pytest.mark.parametrize("alpha", [None, 1.5])
def test_it_makes_what_the_fused_one_makes(tmp_path: Path, alpha: float | None):
    write(tmp_path, "one", alpha=alpha)
    fused, lora = small(), open_lora(tmp_path / "loras" / "one.safetensors")
    for name, weight in fused.named_parameters():
        weight.data = lora.fuse(name, weight.data)
    kept = beside(tmp_path, [use("one")], small())
    assert torch.allclose(kept, seen(fused), atol=1e-4)
    assert not torch.allclose(kept, seen(small()), atol=1e-2)


@pytest.mark.parametrize("quantize", [linear_fp8.quantize, linear_nf4.quantize])
def test_strengths_count_and_what_was_there_before_comes_back_to_the_bit(
    tmp_path: Path, quantize: Callable[[Any], Any]
):
    transformer = small()
    transformer.blocks[1].ffn.net[0].proj = quantize(transformer.blocks[1].ffn.net[0].proj)
    before = seen(transformer)
    write(tmp_path, "one")
    assert torch.equal(beside(tmp_path, [use("one", 0)], transformer), before)
    half, whole = (beside(tmp_path, [use("one", part)], transformer) for part in (0.5, 1.0))
    assert not torch.allclose(half, before, atol=1e-3)
    assert not torch.allclose(half, whole, atol=1e-3)
    hooks = [len(module._forward_hooks) for module in transformer.modules()]
    for _ in range(50):
        with Shelf(tmp_path / "loras", to_diffusers_names).applied(transformer, [use("one")]):
            pass
    assert torch.equal(seen(transformer), before)
    assert hooks == [len(module._forward_hooks) for module in transformer.modules()]


def test_several_count_at_once(tmp_path: Path):
    for name in ("one", "other"):
        write(tmp_path, name)
    both = beside(tmp_path, [use("one"), use("other")], small())
    assert torch.allclose(both, beside(tmp_path, [use("other"), use("one")], small()), atol=1e-4)
    assert not torch.allclose(both, beside(tmp_path, [use("one")], small()), atol=1e-2)


def test_of_two_transformers_the_name_says_which(tmp_path: Path):
    """As published pairs are called; one whose name says neither, or both, is for both."""
    meant = {
        "wan2.2_i2v_A14b_high_noise_lora_rank64": (True, False),
        "Style-LowNoise_v2": (False, True),
        "kites_high": (True, False),
        "Kites.LOW": (False, True),
        "kites": (True, True),
        "low_poly": (True, True),
        "highlands": (True, True),
        "slow": (True, True),
        "high_noise_and_low_noise": (True, True),
    }
    plain = seen(small())
    for name, changed in meant.items():
        write(tmp_path, name)
        pair = small(), small()
        shelf = Shelf(tmp_path / "loras", to_diffusers_names)
        with shelf.applied(pair[0], [use(name)], pair[1]):
            assert tuple(not torch.equal(seen(each), plain) for each in pair) == changed, name
        assert all(torch.equal(seen(each), plain) for each in pair)
        alone = beside(tmp_path, [use(name)], pair[0])
        assert not torch.equal(alone, plain), "with one transformer a name says nothing"


def test_what_does_not_fit_is_named_and_leaves_nothing_behind(tmp_path: Path):
    write(tmp_path, "wider", extra="diffusion_model.blocks.0.self_attn.q.diff_b")
    transformer = small()
    with pytest.raises(CheckpointError, match="changes more than layers"):
        beside(tmp_path, [use("wider")], transformer)
    write(tmp_path, "one")
    other = WanTransformer3DModel(num_attention_heads=1, attention_head_dim=12, num_layers=1)
    with pytest.raises(CheckpointError, match=r"one\.safetensors is for another model"):
        beside(tmp_path, [use("one")], other)
    with pytest.raises(CheckpointError, match=r"gone\.safetensors is missing"):
        beside(tmp_path, [use("one"), use("gone")], transformer)
    assert not any(module._forward_hooks for module in transformer.modules())


def test_compiled_blocks_would_not_notice_them(tmp_path: Path):
    write(tmp_path, "one")
    transformer = small()
    transformer.blocks[0]._compiled_call_impl = transformer.blocks[0].forward
    with pytest.raises(SettingsError, match="COMPILE_BLOCKS"):
        beside(tmp_path, [use("one")], transformer)


def test_the_folder_tells_what_there_is(tmp_path: Path):
    folder = LoraFolder(tmp_path)
    assert folder.all() == []
    write(tmp_path, "one")
    (tmp_path / "loras" / "broken.safetensors").write_bytes(b"\xff" * 20)
    broken, one = folder.all()
    assert (broken.name, broken.rank, broken.base) == ("broken", None, None)
    assert (one.name, one.rank, one.base) == ("one", RANK, "Wan-AI/Wan2.1")
    (resolved,) = folder.resolve([LoraUse(name="one", strength=0.5)], T2V_1_3B)
    assert resolved == ResolvedLora(name="one", strength=0.5, size_bytes=one.size_bytes)


def test_what_is_not_there_or_not_taken_is_refused(tmp_path: Path):
    folder = LoraFolder(tmp_path)
    with pytest.raises(Unresolvable, match="there is no 'gone'") as caught:
        folder.resolve([LoraUse(name="gone")], T2V_1_3B)
    assert caught.value.body.param == "loras.0.name"
    write(tmp_path, "one")
    with pytest.raises(Unresolvable, match="takes no LoRAs"):
        folder.resolve([LoraUse(name="one")], WAVER_1_0)
    with pytest.raises(Unresolvable, match="names one twice"):
        folder.resolve([LoraUse(name="one"), LoraUse(name="one")], T2V_1_3B)


@pytest.mark.parametrize("name", ["../one", "/one", "", ".one", "a/b", "x" * 65])
def test_a_name_is_no_path(name: str):
    with pytest.raises(ValueError, match="name"):
        LoraUse(name=name)
