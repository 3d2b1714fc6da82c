"""What is quantized in a whole model, what stays and why, and that the model still works."""

from collections.abc import Callable, Sequence

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import (
    HunyuanVideoTransformer3DModel,
    LTX2VideoTransformer3DModel,
    WanTransformer3DModel,
)
from torch import nn

from common.contract import Quantization
from common.runtime import keep_dit
from common.runtime.devices import as_torch
from common.runtime.keep import Keep, edge_blocks, layer_scheme
from common.runtime.keep_t5 import KEEP_T5
from common.runtime.quantization import (
    declared_keeps,
    is_quantizable,
    quantize_,
    scheme_of,
)
from hunyuan import precision as hunyuan_precision
from ltx2 import precision as ltx2_precision
from magi1 import precision as magi1_precision
from scripts.tiny import gemma
from scripts.tiny import ltx2 as tiny_ltx2
from scripts.tiny import wan21 as tiny_wan21
from tests.formats import COMPUTE_DTYPE

DTYPE = as_torch(COMPUTE_DTYPE)
ERRORS = {
    Quantization.FP8: 0.03,
    Quantization.FP8_COMPUTE: 0.042,
    Quantization.NF4: 0.1,
    Quantization.NVFP4: 0.105,
}
"""Of one layer; see test_quantization.py. A model adds up those of its layers."""
SCHEMES = list(ERRORS)


def _error(answer: torch.Tensor, exact: torch.Tensor) -> float:
    return float((answer.float() - exact.float()).norm() / exact.float().norm())


@pytest.mark.parametrize(
    ("pattern", "name", "stays"),
    [
        ("proj_out", "proj_out", True),
        ("proj_out", "head.proj_out.linear", True),
        ("proj_out", "audio_proj_out", False),
        ("attn2.to_*", "blocks.3.attn2.to_out.0", True),
        ("attn2.to_*", "blocks.3.attn1.to_q", False),
        ("blocks.0", "blocks.0.ffn", True),
        ("blocks.0", "blocks.10.ffn", False),
        ("a.b.c", "b.c", False),
        (".proj_out", "proj_out", True),
        (".proj_out", "blocks.3.proj_out", False),
        (".head.out", "head.out.linear", True),
        (".head.out", "head", False),
    ],
)
def test_a_rule_matches_whole_parts_of_a_name(pattern: str, name: str, stays: bool):
    assert Keep(pattern, "why").matches(name) is stays


def _linear() -> nn.Linear:
    return nn.Linear(64, 64).to(DTYPE)


class _Model(nn.Module):
    _keep_in_fp32_modules = ("delicate",)

    def __init__(self) -> None:
        super().__init__()
        self.first = _linear()
        self.delicate = _linear()
        self.head = nn.Sequential(_linear(), nn.LayerNorm(64))
        self.words = nn.Embedding(8, 64)
        self.output = nn.Linear(64, 8, bias=False)
        self.output.weight = self.words.weight
        self.attention = nn.MultiheadAttention(64, 2)


def test_what_stays_is_named_with_its_reason():
    model = _Model()
    result = quantize_(model, Quantization.FP8, [Keep("head", "the end")])
    assert result.quantized == ("first",)
    assert result.kept == {
        "delicate": "_Model declares it for float32",
        "head.0": "the end",
        "words": "its weight is shared",
        "output": "its weight is shared",
        "attention.out_proj": "not a plain linear layer",
    }
    assert scheme_of(model.first) is Quantization.FP8
    assert model.output.weight is model.words.weight


def test_a_rule_may_keep_a_layer_in_a_scheme_of_its_own():
    model = _Model()
    rules = [Keep("first", "half as bad", Quantization.FP8), Keep("head", "the end")]
    result = quantize_(model, Quantization.NF4, rules)
    assert result.quantized == ("first",)
    assert scheme_of(model.first) is Quantization.FP8
    assert quantize_(_Model(), Quantization.NONE, rules).quantized == ()


def test_high_precision_beats_a_scheme_of_its_own():
    rules = [Keep("head", "half as bad", Quantization.FP8), Keep("head.0", "the end")]
    assert layer_scheme("head.0", Quantization.NF4, rules) is Quantization.NONE
    assert layer_scheme("head.1", Quantization.NF4, rules) is Quantization.FP8
    assert layer_scheme("first", Quantization.NF4, rules) is Quantization.NF4


def _kept_blocks(model: nn.Module, rules: Sequence[Keep], stack: str) -> set[int]:
    """Those of which nothing is quantized."""
    names = [n for n, m in model.named_modules() if isinstance(m, nn.Linear) and f"{stack}." in n]
    quantized = {n for n in names if layer_scheme(n, Quantization.NF4, rules) is Quantization.NF4}
    return {int(n.split(".")[1]) for n in names} - {int(n.split(".")[1]) for n in quantized}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_hunyuan_keeps_its_ends_and_what_steers_its_blocks(scheme: Quantization):
    """The blocks with one stream end in a ``proj_out`` too: a tenth of all weights."""
    with torch.device("meta"):
        model = HunyuanVideoTransformer3DModel()
    rules = hunyuan_precision.keep_transformer(scheme)
    kept = {
        name: layer_scheme(name, scheme, rules)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
    }
    eight = Quantization.FP8 if scheme in hunyuan_precision._FOUR_BITS else Quantization.NONE
    assert kept["proj_out"] is kept["norm_out.linear"] is Quantization.NONE
    assert kept["context_embedder.token_refiner.refiner_blocks.0.ff.net.2"] is Quantization.NONE
    assert kept["single_transformer_blocks.7.proj_out"] is scheme
    assert kept["transformer_blocks.7.attn.add_q_proj"] is scheme
    assert kept["single_transformer_blocks.7.norm.linear"] is eight
    assert kept["transformer_blocks.7.norm1_context.linear"] is eight
    ends = ("transformer_blocks.0.", "single_transformer_blocks.39.")
    assert {each for name, each in kept.items() if name.startswith(ends)} <= {Quantization.NONE}
    assert sum(each is scheme for each in kept.values()) == 19 * 12 + 39 * 5


def test_the_real_models_keep_the_blocks_at_their_ends():
    with torch.device("meta"):
        ltx2 = LTX2VideoTransformer3DModel()
        wan = WanTransformer3DModel(num_layers=40)
    rules = ltx2_precision.keep_transformer(Quantization.NF4, 48)
    assert _kept_blocks(ltx2, rules, "transformer_blocks") == {0, 43, 44, 45, 46, 47}
    assert _kept_blocks(wan, keep_dit.keep_transformer(40), "blocks") == {0, 39}
    assert _kept_blocks(wan, keep_dit.keep_transformer(30), "blocks") == {0, 29}
    assert _kept_blocks(wan, magi1_precision.keep_transformer(34), "blocks") == {0, 33}


@pytest.mark.parametrize(("num_layers", "kept"), [(2, 0), (7, 0), (8, 2), (40, 2)])
def test_a_model_of_few_blocks_is_quantized_all_the_same(num_layers: int, kept: int):
    assert len(edge_blocks("blocks", num_layers, "why")) == kept


def test_none_leaves_everything():
    model = _Model()
    result = quantize_(model, Quantization.NONE)
    assert not result.quantized
    assert result.kept["first"] == "nothing is quantized"


def _umt5() -> nn.Module:
    return tiny_wan21._text_encoder()


def _gemma() -> nn.Module:
    return gemma.text_encoder()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("make", [_umt5, _gemma])
def test_a_text_encoder_runs_and_stays_close(make: Callable[[], nn.Module], scheme: Quantization):
    torch.manual_seed(1)
    encoder = make().to(DTYPE).requires_grad_(False)
    ids = torch.arange(12)[None] % 90
    exact = _last_hidden_state(encoder, ids)
    rules = (*KEEP_T5, *ltx2_precision.keep_text_encoder(scheme))
    result = quantize_(encoder, scheme, rules)
    answer = _last_hidden_state(encoder, ids)
    assert result.quantized
    assert answer.dtype is DTYPE
    assert encoder.dtype is DTYPE
    assert _error(answer, exact) < 4 * ERRORS[scheme]


def _last_hidden_state(encoder: nn.Module, ids: torch.Tensor) -> torch.Tensor:
    answer = encoder(input_ids=ids, output_hidden_states=True)
    hidden_states: torch.Tensor = answer.hidden_states[-1]
    return hidden_states


def test_the_rules_cover_what_umt5_declares():
    encoder = _umt5()
    declared = {rule.pattern for rule in declared_keeps(encoder)}
    assert declared <= {rule.pattern for rule in KEEP_T5}
    kept = quantize_(encoder, Quantization.FP8, KEEP_T5).kept
    assert sum(name.endswith(".wo") for name in kept) == 2


def test_gemma_keeps_its_tied_head():
    encoder = _gemma()
    rules = ltx2_precision.keep_text_encoder(Quantization.FP8)
    result = quantize_(encoder, Quantization.FP8, rules)
    assert "lm_head" in result.kept
    assert encoder.lm_head.weight is encoder.get_input_embeddings().weight


@pytest.mark.parametrize("scheme", SCHEMES)
def test_t5_and_umt5_keep_their_self_attention(scheme: Quantization):
    encoder = _umt5().to(torch.bfloat16)
    quantize_(encoder, scheme, KEEP_T5)
    assert _schemes_below(encoder, "SelfAttention") == {None}
    assert scheme in _schemes_below(encoder, "DenseReluDense")


@pytest.mark.parametrize(
    ("scheme", "attention"),
    [
        (Quantization.FP8, None),
        (Quantization.NF4, Quantization.FP8),
        (Quantization.NVFP4, Quantization.FP8),
    ],
)
def test_gemma_has_eight_bits_at_least_in_its_self_attention(
    scheme: Quantization, attention: Quantization | None
):
    encoder = _gemma().to(torch.bfloat16)
    quantize_(encoder, scheme, ltx2_precision.keep_text_encoder(scheme))
    assert _schemes_below(encoder, "self_attn") == {attention}
    assert _schemes_below(encoder, "language_model", "mlp") == {scheme}


def _schemes_below(model: nn.Module, *parts: str) -> set[Quantization | None]:
    """Of the projections below modules of these names; None is high precision."""
    return {
        scheme_of(module)
        for name, module in model.named_modules()
        if set(parts) <= set(name.split(".")) and hasattr(module, "in_features")
    }


def test_wan_keeps_its_conditioning_and_its_ends():
    with torch.device("meta"):
        transformer = tiny_wan21._transformer(36, 12, image_dim=16)
    verdicts = _verdicts(transformer, Quantization.FP8, keep_dit.keep_transformer(2))
    assert verdicts["proj_out"]
    assert verdicts["condition_embedder.time_embedder.linear_1"]
    assert verdicts["condition_embedder.image_embedder.ff.net.2"]
    assert {name for name, reason in verdicts.items() if reason is None} == {
        name for name in verdicts if name.startswith("blocks.")
    }


@pytest.mark.parametrize("is_ltx_2_3", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_ltx2_keeps_its_cross_attentions_under_nvfp4(is_ltx_2_3: bool, scheme: Quantization):
    with torch.device("meta"):
        transformer = tiny_ltx2._transformer(is_ltx_2_3)
    verdicts = _verdicts(transformer, scheme, ltx2_precision.keep_transformer(scheme, 2))
    blocks = {name: reason for name, reason in verdicts.items() if "transformer_blocks" in name}
    assert all(reason for name, reason in verdicts.items() if name not in blocks)
    assert all(reason for name, reason in blocks.items() if "to_gate_logits" in name)
    assert verdicts["transformer_blocks.0.attn1.to_q"] is None
    crossing = ("attn2.to_", "audio_attn2.to_", "audio_to_video_attn.to_", "video_to_audio_attn.")
    kept = scheme is Quantization.NVFP4
    for part in crossing:
        # The tiny widths do not suit every scheme: only the reason tells the rule.
        reason = verdicts[f"transformer_blocks.1.{part.rstrip('.').removesuffix('.to_')}.to_q"]
        assert ("cross attention" in str(reason)) is kept


def _verdicts(
    model: nn.Module, scheme: Quantization, rules: tuple[Keep, ...]
) -> dict[str, str | None]:
    return {
        name: is_quantizable(name, module, scheme, rules)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
    }


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_transformers_run_and_tell_a_dtype_that_floats(scheme: Quantization):
    torch.manual_seed(2)
    transformer = tiny_wan21._transformer(16, 12, image_dim=None).to(DTYPE).eval()
    inputs = {
        "hidden_states": torch.randn(1, 16, 2, 8, 8, dtype=DTYPE),
        "timestep": torch.tensor([500]),
        "encoder_hidden_states": torch.randn(1, 7, 32, dtype=DTYPE),
    }
    with torch.no_grad():
        exact = transformer(**inputs).sample
        result = quantize_(transformer, scheme, keep_dit.keep_transformer(2))
        answer = transformer(**inputs).sample
    assert any(name.endswith("to_q") for name in result.quantized)
    assert transformer.dtype is DTYPE
    assert _error(answer, exact) < 2 * ERRORS[scheme]
