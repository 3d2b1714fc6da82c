"""The text encoders at their real widths: one layer with random weights, and the whole."""

import common.runtime.libraries  # noqa: F401

import torch
from torch import nn
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    Gemma3TextModel,
    LlamaConfig,
    LlamaModel,
    Qwen2_5_VLTextConfig,
    Qwen2_5_VLTextModel,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

from scripts.bench.random_weights import noise, randomized

TEXT_TOKENS = 32


def embedded(width: int) -> dict[str, torch.Tensor]:
    """What an encoder's forward takes: tokens that were looked up already."""
    return {"inputs_embeds": noise(1, TEXT_TOKENS, width)}


def umt5_layer() -> nn.Module:
    """T5 does not scale its attention, its queries are that much smaller (its own init)."""
    encoder = UMT5EncoderModel(_umt5(num_layers=1, vocab_size=64))
    block = randomized(encoder)
    encoder.encoder.block[0].layer[0].SelfAttention.q.weight.mul_(64**-0.5)
    return block


def t5_layer() -> nn.Module:
    """As with UMT5."""
    encoder = T5EncoderModel(_t5(num_layers=1, vocab_size=64))
    block = randomized(encoder)
    encoder.encoder.block[0].layer[0].SelfAttention.q.weight.mul_(64**-0.5)
    return block


def gemma_layer() -> nn.Module:
    """The language model, without the vision tower, which reads no words."""
    return randomized(Gemma3TextModel(_gemma(num_layers=1, vocab_size=64)))


def _umt5(*, num_layers: int, vocab_size: int) -> UMT5Config:
    """``text_encoder/config.json`` of Wan-AI/Wan2.1-T2V-14B-Diffusers."""
    return UMT5Config(
        vocab_size=vocab_size,
        d_model=4096,
        d_kv=64,
        d_ff=10240,
        num_layers=num_layers,
        num_heads=64,
        feed_forward_proj="gated-gelu",
    )


def _t5(*, num_layers: int, vocab_size: int) -> T5Config:
    """``config.json`` of DeepFloyd/t5-v1_1-xxl."""
    return T5Config(
        vocab_size=vocab_size,
        d_model=4096,
        d_kv=64,
        d_ff=10240,
        num_layers=num_layers,
        num_heads=64,
        feed_forward_proj="gated-gelu",
    )


def _gemma(*, num_layers: int, vocab_size: int) -> Gemma3TextConfig:
    """``text_config`` of google/gemma-3-12b-it."""
    return Gemma3TextConfig(
        vocab_size=vocab_size,
        hidden_size=3840,
        intermediate_size=15360,
        num_hidden_layers=num_layers,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=256,
    )


def whole_umt5() -> nn.Module:
    """The encoder half of google/umt5-xxl."""
    model: nn.Module = UMT5EncoderModel(_umt5(num_layers=24, vocab_size=256384))
    return model


def whole_t5() -> nn.Module:
    """The encoder half of t5-v1_1-xxl."""
    model: nn.Module = T5EncoderModel(_t5(num_layers=24, vocab_size=32128))
    return model


def whole_gemma() -> nn.Module:
    """With the vision tower of google/gemma-3-12b-it, which the checkpoint bundles."""
    vision = {
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "image_size": 896,
        "patch_size": 14,
        "vision_use_head": False,
    }
    text = _gemma(num_layers=48, vocab_size=262208).to_dict()
    model: nn.Module = Gemma3ForConditionalGeneration(
        Gemma3Config(text_config=text, vision_config=vision)
    )
    return model


def whole_llama() -> nn.Module:
    """Llama 3 8B without its head, of xtuner/llava-llama-3-8b-v1_1-transformers."""
    config = LlamaConfig(
        vocab_size=128320,
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
    )
    model: nn.Module = LlamaModel(config)
    return model


def whole_qwen() -> nn.Module:
    """The language model of Qwen/Qwen2.5-VL-7B-Instruct without its head."""
    config = Qwen2_5_VLTextConfig(
        vocab_size=152064,
        hidden_size=3584,
        intermediate_size=18944,
        num_hidden_layers=28,
        num_attention_heads=28,
        num_key_value_heads=4,
    )
    model: nn.Module = Qwen2_5_VLTextModel(config)
    return model
