"""One block of each model at its real widths, with random weights, and an input to run it on."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import LTX2VideoTransformer3DModel, WanTransformer3DModel
from diffusers.models.transformers.transformer_ltx2 import LTX2VideoTransformerBlock
from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed, WanTransformerBlock
from torch import nn

from common.contract import Quantization
from common.runtime import keep_dit
from common.runtime.keep import TRANSFORMER, Keep
from common.runtime.keep_t5 import KEEP_T5
from ltx2 import precision as ltx2_precision
from magi1 import precision as magi1_precision
from scripts.bench.magi1_block import CONFIG, magi1_block, magi1_inputs, whole_magi1
from scripts.bench.random_weights import noise, randomized
from scripts.bench.text_encoders import (
    TEXT_TOKENS,
    embedded,
    gemma_layer,
    t5_layer,
    umt5_layer,
    whole_gemma,
    whole_t5,
    whole_umt5,
)

VIDEO_TOKENS = 64
AUDIO_TOKENS = 16

Rules = Callable[[Quantization], Sequence[Keep]]
Inputs = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """What is measured.

    ``block`` builds one block in bfloat16, ``inputs`` what its forward takes, and ``whole`` the
    model that it comes from, without storage, to count what would be quantized. ``stream`` names
    the inputs that hold tokens, in the order of the outputs: a transformer's block adds to them.
    """

    name: str
    block: Callable[[], nn.Module]
    inputs: Callable[[], Inputs]
    whole: Callable[[], nn.Module]
    rules: Rules
    stream: tuple[str, ...]
    component: str = TRANSFORMER


def subjects() -> tuple[Subject, ...]:
    """The transformers, then the text encoders."""
    return (
        _wan("Wan 2.1 14B", dim=5120, ffn_dim=13824, num_heads=40, num_layers=40),
        _wan("Wan 2.1 1.3B", dim=1536, ffn_dim=8960, num_heads=12, num_layers=30),
        _ltx2("LTX-2 19B", is_ltx_2_3=False),
        _ltx2("LTX-2.3 19B", is_ltx_2_3=True),
        Subject(
            "MAGI-1 4.5B",
            magi1_block,
            magi1_inputs,
            whole_magi1,
            lambda _: magi1_precision.keep_transformer(CONFIG.num_layers),
            stream=("x",),
        ),
        Subject(
            "UMT5-XXL encoder (Wan 2.1)",
            umt5_layer,
            lambda: embedded(4096),
            whole_umt5,
            lambda _: KEEP_T5,
            ("inputs_embeds",),
            "text_encoder",
        ),
        Subject(
            "Gemma 3 12B (LTX-2)",
            gemma_layer,
            lambda: embedded(3840),
            whole_gemma,
            ltx2_precision.keep_text_encoder,
            ("inputs_embeds",),
            "text_encoder",
        ),
        Subject(
            "T5-v1.1-XXL encoder (MAGI-1)",
            t5_layer,
            lambda: embedded(4096),
            whole_t5,
            lambda _: KEEP_T5,
            ("inputs_embeds",),
            "text_encoder",
        ),
    )


def alternatives() -> list[tuple[Subject, Quantization]]:
    """Other rules than those that are kept, each with the scheme that it is about."""
    by_name = {subject.name: subject for subject in subjects()}
    umt5, gemma = by_name["UMT5-XXL encoder (Wan 2.1)"], by_name["Gemma 3 12B (LTX-2)"]
    ltx2, rest = by_name["LTX-2 19B"], ("audio_to_video_attn", "video_to_audio_attn")
    nf4, nvfp4, fp8 = Quantization.NF4, Quantization.NVFP4, Quantization.FP8
    return [
        (_without(umt5, "no self-attention", fp8, "SelfAttention"), fp8),
        (_without(gemma, "no self-attention", nf4, "self_attn"), nf4),
        (_in_bfloat16(gemma, "self-attention in bfloat16", nf4), nf4),
        (_without(ltx2, "no cross attention", nvfp4, "attn2", "audio_attn2", *rest), nvfp4),
        (_without(ltx2, "cross attention to text alone", nvfp4, *rest), nvfp4),
    ]


def _without(subject: Subject, what: str, scheme: Quantization, *patterns: str) -> Subject:
    rules = [rule for rule in subject.rules(scheme) if rule.pattern not in patterns]
    return replace(subject, name=f"{subject.name}: {what}", rules=lambda _: rules)


def _in_bfloat16(subject: Subject, what: str, scheme: Quantization) -> Subject:
    rules = [replace(rule, scheme=Quantization.NONE) for rule in subject.rules(scheme)]
    return replace(subject, name=f"{subject.name}: {what}", rules=lambda _: rules)


def outputs(block: nn.Module, inputs: Inputs, dtype: torch.dtype) -> list[torch.Tensor]:
    """What the block answers, one float32 tensor for each stream; floating inputs are cast."""
    with torch.no_grad():
        answer = block(**_cast(inputs, dtype))
    answer = getattr(answer, "last_hidden_state", answer)
    answers = answer if isinstance(answer, tuple) else (answer,)
    return [tensor.float() for tensor in answers]


def reference(block: nn.Module, inputs: Inputs) -> list[torch.Tensor]:
    """The same weights, computed in float32."""
    return outputs(copy.deepcopy(block).float(), inputs, torch.float32)


def _cast(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, dict):
        return {name: _cast(item, dtype) for name, item in value.items()}
    if isinstance(value, list):
        return [_cast(item, dtype) for item in value]
    if isinstance(value, torch.Tensor) and value.dtype is torch.bfloat16:
        return value.to(dtype)
    return value


def _wan(name: str, *, dim: int, ffn_dim: int, num_heads: int, num_layers: int) -> Subject:
    """``transformer/config.json`` of Wan-AI/Wan2.1-T2V-14B-Diffusers and -1.3B-Diffusers."""

    def inputs() -> Inputs:
        latents = torch.zeros(1, 16, 1, 16, 16)
        return {
            "hidden_states": noise(1, VIDEO_TOKENS, dim),
            "encoder_hidden_states": noise(1, TEXT_TOKENS, dim),
            "temb": noise(1, 6, dim, scale=0.5),
            "rotary_emb": WanRotaryPosEmbed(dim // num_heads, (1, 2, 2), 1024)(latents),
        }

    return Subject(
        name,
        lambda: randomized(
            WanTransformerBlock(dim, ffn_dim, num_heads, "rms_norm_across_heads", True)
        ),
        inputs,
        lambda: WanTransformer3DModel(
            num_attention_heads=num_heads, ffn_dim=ffn_dim, num_layers=num_layers
        ),
        lambda _: keep_dit.keep_transformer(num_layers),
        stream=("hidden_states",),
    )


def _ltx2(name: str, *, is_ltx_2_3: bool) -> Subject:
    """The defaults of diffusers' class, which are the 19B; 2.3 adds gates and modulation."""
    return Subject(
        name,
        lambda: randomized(_ltx2_block(is_ltx_2_3)),
        lambda: _ltx2_inputs(is_ltx_2_3),
        lambda: LTX2VideoTransformer3DModel(
            gated_attn=is_ltx_2_3,
            cross_attn_mod=is_ltx_2_3,
            audio_gated_attn=is_ltx_2_3,
            audio_cross_attn_mod=is_ltx_2_3,
            use_prompt_embeddings=not is_ltx_2_3,
        ),
        ltx2_precision.keep_transformer,
        stream=("hidden_states", "audio_hidden_states"),
    )


def _ltx2_block(is_ltx_2_3: bool) -> nn.Module:
    block: nn.Module = LTX2VideoTransformerBlock(
        dim=4096,
        num_attention_heads=32,
        attention_head_dim=128,
        cross_attention_dim=4096,
        audio_dim=2048,
        audio_num_attention_heads=32,
        audio_attention_head_dim=64,
        audio_cross_attention_dim=2048,
        video_gated_attn=is_ltx_2_3,
        video_cross_attn_adaln=is_ltx_2_3,
        audio_gated_attn=is_ltx_2_3,
        audio_cross_attn_adaln=is_ltx_2_3,
    )
    return block


def _ltx2_inputs(is_ltx_2_3: bool) -> Inputs:
    mods = 9 if is_ltx_2_3 else 6
    prompt = {
        "temb_prompt": noise(1, 1, 2 * 4096, scale=0.5),
        "temb_prompt_audio": noise(1, 1, 2 * 2048, scale=0.5),
    }
    return {
        "hidden_states": noise(1, VIDEO_TOKENS, 4096),
        "audio_hidden_states": noise(1, AUDIO_TOKENS, 2048),
        "encoder_hidden_states": noise(1, TEXT_TOKENS, 4096),
        "audio_encoder_hidden_states": noise(1, TEXT_TOKENS, 2048),
        "temb": noise(1, 1, mods * 4096, scale=0.5),
        "temb_audio": noise(1, 1, mods * 2048, scale=0.5),
        "temb_ca_scale_shift": noise(1, 1, 4 * 4096, scale=0.5),
        "temb_ca_audio_scale_shift": noise(1, 1, 4 * 2048, scale=0.5),
        "temb_ca_gate": noise(1, 1, 4096, scale=0.5),
        "temb_ca_audio_gate": noise(1, 1, 2048, scale=0.5),
        **(prompt if is_ltx_2_3 else {}),
    }
