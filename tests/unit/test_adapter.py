"""A LoRA while it learns: it begins as nothing, others can read it, and it leaves no trace."""

from pathlib import Path

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import load_file
from torch import nn

from common.runtime import linear_fp8, linear_nf4
from trainer.adapter import learning, original_name, save
from trainer.training import WARM_UP, Example, Lessons, Trainer, share_of_rate
from wan21.lora import open_lora

pytestmark = pytest.mark.filterwarnings("ignore")  # of libraries that PEFT brings along
CHANNELS, TEXT = 16, 24


def small(ffn_dim: int = 48) -> WanTransformer3DModel:
    torch.manual_seed(0)
    transformer = WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        text_dim=TEXT,
        ffn_dim=ffn_dim,
        num_layers=2,
    )
    transformer.requires_grad_(requires_grad=False)
    return transformer


def lessons(dtype: torch.dtype = torch.float32, **other: object) -> Lessons:
    torch.manual_seed(1)
    words = [torch.randn(1, 4, TEXT).to(dtype) for _ in range(3)]
    examples = [Example(torch.randn(1, CHANNELS, 2, 4, 4), words[0])]
    plain = {"steps": 80, "learning_rate": 1e-2, "prior_loss_weight": 1.0, "flow_shift": 3.0}
    return Lessons(examples, words[1], seed=0, **{"priors": [], **plain, **other})  # type: ignore[arg-type]


def seen(transformer: nn.Module, words: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(2)
    latents = torch.randn(1, CHANNELS, 2, 4, 4).to(words.dtype)
    with torch.no_grad():
        found: torch.Tensor = transformer(latents, torch.tensor([500.0]), words, return_dict=False)[
            0
        ]
    return found


def trained(
    transformer: nn.Module, told: Lessons, path: Path | None = None
) -> tuple[list[float], torch.Tensor]:
    """Losses, and what the transformer makes of the caption with what it learnt."""
    with learning(transformer, 4) as adapter:
        losses = list(Trainer(transformer, adapter, told, by_token=False).run())
        if path:
            save(adapter.tensors(), path, {"name": "it"})
        return losses, seen(transformer, told.examples[0].prompt_embeds)


def test_it_learns_and_leaves_the_transformer_as_it_was(tmp_path: Path):
    transformer, told = small(), lessons()
    modules = [(name, id(module)) for name, module in transformer.named_modules()]
    before = seen(transformer, told.examples[0].prompt_embeds)
    with learning(transformer, 4):
        assert torch.equal(seen(transformer, told.examples[0].prompt_embeds), before)
    losses, after = trained(transformer, told)
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])
    assert not torch.equal(after, before)
    assert [(name, id(module)) for name, module in transformer.named_modules()] == modules
    assert torch.equal(seen(transformer, told.examples[0].prompt_embeds), before)
    assert not transformer.gradient_checkpointing


def test_the_same_seed_is_the_same_lora():
    assert trained(small(), lessons())[0] == trained(small(), lessons())[0]


def test_the_services_read_the_file(tmp_path: Path):
    """Fused into the weights, it makes what it made while it learnt, but for its rounding."""
    transformer, told = small(), lessons()
    _, learnt = trained(transformer, told, tmp_path / "it.safetensors")
    lora = open_lora(tmp_path / "it.safetensors")
    for name, weight in transformer.named_parameters():
        weight.data = lora.fuse(name, weight.data)
    lora.check_used()
    fused = seen(transformer, told.examples[0].prompt_embeds)
    assert torch.allclose(fused, learnt, atol=0.02)


def test_it_learns_beside_quantized_weights():
    transformer = small()
    for block in transformer.blocks:
        block.ffn.net[2] = linear_fp8.quantize(block.ffn.net[2])
    losses, _ = trained(transformer, lessons())
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])


@pytest.mark.parametrize("quantized", [False, True])
def test_it_learns_in_float32_beside_the_bfloat16_of_a_gpu(quantized: bool, tmp_path: Path):
    """A step of AdamW is less than bfloat16 holds of a weight: it would be rounded away."""
    transformer = small(ffn_dim=linear_nf4.BLOCK).to(torch.bfloat16)
    if quantized:
        transformer.blocks[0].ffn.net[2] = linear_nf4.quantize(transformer.blocks[0].ffn.net[2])
    told = lessons(dtype=torch.bfloat16, steps=4, learning_rate=1e-4)
    with learning(transformer, 4) as adapter:
        before = adapter.tensors()
        list(Trainer(transformer, adapter, told, by_token=False).run())
        after = adapter.tensors()
        assert {each.dtype for each in adapter.parameters()} == {torch.float32}
        assert transformer.dtype == torch.bfloat16, "what the pipeline casts its latents to"
        assert seen(transformer, told.nothing).dtype == torch.bfloat16
    for name, tensor in after.items():
        assert (tensor != before[name]).float().mean() > 0.9, name
    save(after, tmp_path / "it.safetensors", {})
    published = load_file(tmp_path / "it.safetensors").values()
    assert {each.dtype for each in published} == {torch.bfloat16}


@pytest.mark.slow
def test_prior_prompts_are_held():
    """What the base makes of another prompt moves less where it is to stay."""
    other = torch.randn(1, 4, TEXT)

    def moved(priors: list[Example]) -> float:
        transformer = small()
        before = seen(transformer, other)
        with learning(transformer, 4) as adapter:
            list(Trainer(transformer, adapter, lessons(priors=priors), by_token=False).run())
            return float((seen(transformer, other) - before).square().mean())

    assert moved([Example(torch.randn(1, CHANNELS, 2, 4, 4), other)]) < 0.5 * moved([])


def test_the_rate_warms_up_and_falls_to_nothing():
    rates = [share_of_rate(step, 400) for step in range(400)]
    assert rates.index(max(rates)) == WARM_UP - 1
    assert rates[0] < 0.06
    assert rates[WARM_UP:] == sorted(rates[WARM_UP:], reverse=True)
    assert rates[-1] < 1e-3


def test_names_are_those_of_wans_own_code():
    assert original_name("blocks.3.attn1.to_out.0") == "blocks.3.self_attn.o"
    assert original_name("blocks.3.attn2.to_k") == "blocks.3.cross_attn.k"
    assert original_name("blocks.3.ffn.net.0.proj") == "blocks.3.ffn.0"
