"""What the weights of a whole service take: what is quantized, and all that is loaded beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import (
    AutoencoderKLHunyuanVideo15,
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    HunyuanVideo15Transformer3DModel,
    HunyuanVideoTransformer3DModel,
    LTX2VideoTransformer3DModel,
    WanTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2TextConnectors
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
from torch import nn

from common.contract import Quantization
from common.runtime import keep_dit
from common.runtime.keep import TRANSFORMERS, Keep, component_scheme, saved_bytes
from common.runtime.keep_t5 import KEEP_T5
from common.runtime.quantization import declared_keeps
from hunyuan import precision as hunyuan_precision
from ltx2 import precision as ltx2_precision
from magi1 import precision as magi1_precision
from magi1.configuration import OFFICIAL
from magi1.transformer import MagiTransformer3DModel
from magi1.vae import AutoencoderKLMagi
from scripts.bench.text_encoders import whole_gemma, whole_llama, whole_qwen, whole_t5, whole_umt5

WAN_VAE, WAN_2_2_VAE, CLIP = 126_892_531, 704_688_668, 632_076_800
"""Numbers of them: half of a float32 file's bytes (published headers of the autoencoders; of the
image encoder, its configuration)."""

LTX_2_3_CONNECTORS, LTX_2_3_VAES, LTX_2_3_VOCODER = 3_172_227_584, 779_354_627, 129_085_032
"""Numbers of LTX-2.3's (published headers of diffusers/LTX-2.3-Diffusers)."""


HUNYUAN_VAE, CLIP_TEXT, BYT5 = 246_478_803, 123_060_480, 219_314_944
"""Numbers of them, as their classes have them in the published configurations."""


@dataclass(frozen=True)
class Part:
    """A component that is quantized."""

    component: str
    whole: Callable[[], nn.Module]
    rules: Callable[[Quantization], Sequence[Keep]]


@dataclass(frozen=True)
class ServiceSize:
    """A service with one of its checkpoints; ``beside`` is bytes of what is never quantized."""

    name: str
    default: Quantization
    planned: str
    parts: tuple[Part, ...]
    beside: int

    def weight_bytes(self, scheme: Quantization) -> int:
        """Of all, in bfloat16 but for what ``beside`` says."""
        return self.beside + sum(_part_bytes(part, scheme) for part in self.parts)


def numbers_of(*classes: Any) -> int:
    """Parameters of models as their classes are by default."""
    with torch.device("meta"):
        return sum(p.numel() for cls in classes for p in cls().parameters())


def named_shapes(model: nn.Module) -> list[tuple[str, Sequence[int]]]:
    """What a checkpoint of it holds; a shared weight comes once."""
    return [(name, list(parameter.shape)) for name, parameter in model.named_parameters()]


def model_bytes(model: nn.Module, scheme: Quantization, rules: Sequence[Keep]) -> int:
    """By the function that the services' own estimates go by."""
    total = 2 * sum(parameter.numel() for parameter in model.parameters())
    return total - saved_bytes(named_shapes(model), scheme, (*rules, *declared_keeps(model)))


def _part_bytes(part: Part, scheme: Quantization) -> int:
    its_own = component_scheme(part.component, scheme)
    with torch.device("meta"):
        return model_bytes(part.whole(), its_own, part.rules(its_own))


def service_sizes() -> tuple[ServiceSize, ...]:
    """The defaults of the services, and the largest that they can be."""
    umt5 = Part("text_encoder", whole_umt5, lambda _: KEEP_T5)
    gemma = Part("text_encoder", whole_gemma, ltx2_precision.keep_text_encoder)
    t5 = Part("text_encoder", whole_t5, lambda _: KEEP_T5)
    audio_and_picture = (AutoencoderKLLTX2Video, AutoencoderKLLTX2Audio, LTX2Vocoder)
    ltx2 = 2 * numbers_of(LTX2TextConnectors, *audio_and_picture)
    ltx2_3 = 2 * (LTX_2_3_CONNECTORS + LTX_2_3_VAES) + 4 * LTX_2_3_VOCODER
    newer = {**dict.fromkeys(_GATES, True), "use_prompt_embeddings": False}
    magi_vae = 2 * numbers_of(AutoencoderKLMagi)
    nf4, fp8 = Quantization.NF4, Quantization.FP8
    wan, image = _wan_part(40, 13824), {"in_channels": 36, "image_dim": 1280}
    wan_i2v = _wan_part(40, 13824, **image, added_kv_proj_dim=5120)
    llama = Part("text_encoder", whole_llama, hunyuan_precision.keep_text_encoder)
    qwen = Part("text_encoder", whole_qwen, hunyuan_precision.keep_text_encoder)
    hunyuan_15 = Part(
        "transformer", HunyuanVideo15Transformer3DModel, hunyuan_precision.keep_transformer_15
    )
    wan_5b = _wan_part(24, 14336, num_layers=30, in_channels=48, out_channels=48)
    return (
        ServiceSize("LTX-2", nf4, "25-30", (_ltx2_part(), gemma), ltx2),
        ServiceSize("LTX-2.3", nf4, "25-30", (_ltx2_part(**newer), gemma), ltx2_3),
        ServiceSize("Wan 2.1 T2V-14B", fp8, "28-32", (wan, umt5), 4 * WAN_VAE),
        ServiceSize("Wan 2.1 I2V-14B", fp8, "28-32", (wan_i2v, umt5), 4 * (WAN_VAE + CLIP)),
        ServiceSize("Wan 2.2 A14B", fp8, "28-32", (wan, _second(wan), umt5), 4 * WAN_VAE),
        ServiceSize("MAGI-1 4.5B", nf4, "20-25", (_magi_part("4.5B_distill"), t5), magi_vae),
        ServiceSize("MAGI-1 24B", nf4, "20-25", (_magi_part("24B_distill"), t5), magi_vae),
        ServiceSize("Waver's stand-in (Wan 2.2 5B)", fp8, "15-18", (wan_5b, umt5), 4 * WAN_2_2_VAE),
        ServiceSize(
            "HunyuanVideo", fp8, "", (_hunyuan_part(), llama), 4 * (HUNYUAN_VAE + CLIP_TEXT)
        ),
        ServiceSize(
            "HunyuanVideo 1.5, text to video",
            fp8,
            "",
            (hunyuan_15, qwen),
            2 * (numbers_of(AutoencoderKLHunyuanVideo15) + BYT5),
        ),
    )


_GATES = ("gated_attn", "cross_attn_mod", "audio_gated_attn", "audio_cross_attn_mod")
"""What LTX-2.3 has on top of LTX-2."""


def _ltx2_part(**config: bool) -> Part:
    whole = partial(LTX2VideoTransformer3DModel, **config)
    return Part("transformer", whole, ltx2_precision.keep_transformer)


def _wan_part(heads: int, ffn_dim: int, num_layers: int = 40, **config: int) -> Part:
    whole = partial(
        WanTransformer3DModel,
        num_attention_heads=heads,
        ffn_dim=ffn_dim,
        num_layers=num_layers,
        **config,
    )
    return Part("transformer", whole, lambda _: keep_dit.keep_transformer(num_layers))


def _second(part: Part) -> Part:
    """Another of the same size, which takes over at low noise."""
    return replace(part, component=TRANSFORMERS[1])


def _hunyuan_part() -> Part:
    return Part("transformer", HunyuanVideoTransformer3DModel, hunyuan_precision.keep_transformer)


def _magi_part(name: str) -> Part:
    config = OFFICIAL[name].transformer
    rules = magi1_precision.keep_transformer(config.num_layers)
    whole = partial(MagiTransformer3DModel, **config.as_dict())
    return Part("transformer", whole, lambda _: rules)
