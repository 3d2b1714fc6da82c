"""One LoRA in all the layouts that such files are published in is one LoRA."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import LTX2VideoTransformer3DModel, WanTransformer3DModel
from diffusers.loaders.lora_conversion_utils import (
    _convert_non_diffusers_ltx2_lora_to_diffusers,
    _convert_non_diffusers_wan_lora_to_diffusers,
)
from safetensors.torch import save_file

from common.base.errors import CheckpointError
from common.runtime.lora import Lora, Rename
from common.runtime.lora_names import to_diffusers_names as wan_names
from ltx2.lora_names import to_diffusers_names as ltx2_names

RANK = 3
WAN = {
    "blocks.0.self_attn.q": "blocks.0.attn1.to_q",
    "blocks.1.self_attn.o": "blocks.1.attn1.to_out.0",
    "blocks.1.cross_attn.v": "blocks.1.attn2.to_v",
    "blocks.0.ffn.0": "blocks.0.ffn.net.0.proj",
    "blocks.1.ffn.2": "blocks.1.ffn.net.2",
}
LTX2 = {
    name: name
    for name in (
        "transformer_blocks.0.attn1.to_q",
        "transformer_blocks.1.audio_attn2.to_out.0",
        "transformer_blocks.1.audio_to_video_attn.to_k",
        "transformer_blocks.0.ff.net.0.proj",
        "transformer_blocks.1.audio_ff.net.2",
    )
}
"""By the names of the original code, those of diffusers."""
Tensors = dict[str, torch.Tensor]


def written(names: Mapping[str, str], form: Callable[[str, str], str], *, alpha: bool) -> Tensors:
    """The LoRA's tensors under the names of a layout, which ``form`` makes."""
    torch.manual_seed(0)
    tensors = {}
    for name in names:
        tensors[form(name, "down")] = torch.randn(RANK, 8)
        tensors[form(name, "up")] = torch.randn(8, RANK)
        if alpha:
            tensors[form(name, "alpha")] = torch.tensor(float(RANK))
    return tensors


def original(prefix: str) -> Callable[[str, str], str]:
    return lambda name, part: f"{prefix}{name}.lora_{'A' if part == 'down' else 'B'}.weight"


def kohya(name: str, part: str) -> str:
    ending = "alpha" if part == "alpha" else f"lora_{part}.weight"
    return f"lora_unet_{name.replace('.', '_')}.{ending}"


def layouts(names: Mapping[str, str]) -> dict[str, Tensors]:
    def diffusers(name: str, part: str) -> str:
        return f"transformer.{names[name]}.lora_{'A' if part == 'down' else 'B'}.weight"

    def peft(name: str, part: str) -> str:
        return diffusers(name, part).replace(".weight", ".default.weight")

    return {
        "original": written(names, original("diffusion_model."), alpha=False),
        "whole": written(names, original("model.diffusion_model."), alpha=False),
        "bare": written(names, original(""), alpha=False),
        "diffusers": written(names, diffusers, alpha=False),
        "peft": written(names, peft, alpha=False),
        "kohya": written(names, kohya, alpha=True),
    }


@pytest.mark.parametrize(("names", "rename"), [(WAN, wan_names), (LTX2, ltx2_names)], ids="wl")
@pytest.mark.parametrize("layout", layouts(WAN))
def test_every_layout_is_the_same_lora(
    tmp_path: Path, layout: str, names: Mapping[str, str], rename: Rename
):
    save_file(layouts(names)[layout], tmp_path / "it.safetensors")
    found = {
        name: scale * up @ down
        for name, down, up, scale in Lora(tmp_path / "it.safetensors", rename).pairs()
    }
    torch.manual_seed(0)
    for ours in names.values():
        down, up = torch.randn(RANK, 8), torch.randn(8, RANK)
        assert torch.allclose(found.pop(ours), up @ down)
    assert not found


@pytest.mark.parametrize(
    ("names", "rename", "convert"),
    [
        (WAN, wan_names, _convert_non_diffusers_wan_lora_to_diffusers),
        (LTX2, ltx2_names, _convert_non_diffusers_ltx2_lora_to_diffusers),
    ],
    ids="wl",
)
def test_names_are_those_of_diffusers_own_conversion(
    tmp_path: Path, names: Mapping[str, str], rename: Rename, convert: Callable[[Tensors], Tensors]
):
    tensors = layouts(names)["original"]
    save_file(tensors, tmp_path / "it.safetensors")
    ours = {name for name, *_ in Lora(tmp_path / "it.safetensors", rename).pairs()}
    theirs = {key.split(".lora_")[0].removeprefix("transformer.") for key in convert(dict(tensors))}
    assert ours == theirs


def _modules(names: Mapping[str, str], transformer: Any) -> None:
    for name in names.values():
        assert isinstance(transformer.get_submodule(name), torch.nn.Linear), name


def test_those_are_layers_of_the_transformers():
    with torch.device("meta"):
        _modules(WAN, WanTransformer3DModel(num_layers=2))
        _modules(LTX2, LTX2VideoTransformer3DModel(num_layers=2))


def test_what_is_for_another_part_of_ltx2_is_named(tmp_path: Path):
    tensors = layouts(LTX2)["original"]
    stranger = "diffusion_model.video_embeddings_connector.learnable.lora_A.weight"
    save_file(tensors | {stranger: torch.zeros(RANK, 8)}, tmp_path / "it.safetensors")
    with pytest.raises(CheckpointError, match="video_embeddings_connector"):
        Lora(tmp_path / "it.safetensors", ltx2_names)
