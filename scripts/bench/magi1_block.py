"""One block of MAGI-1 4.5B at its real widths, and an input to run it on."""

from typing import Any

from torch import nn

from magi1.attention import ALONE
from magi1.configuration import TransformerConfig
from magi1.normalization import MagiLayerNorm
from magi1.rope import MagiRotaryEmbedding
from magi1.transformer import MagiTransformer3DModel, MagiTransformerBlock
from scripts.bench.random_weights import noise, randomized
from scripts.bench.text_encoders import TEXT_TOKENS

SIDE = 8
"""Patches of a picture, high and wide: 64 tokens."""
CONFIG = TransformerConfig()
"""The 4.5B's."""


def magi1_block() -> nn.Module:
    """With what the model declares for float32 in it; norms are stored around zero."""
    block = randomized(MagiTransformerBlock(CONFIG))
    declared = set(MagiTransformer3DModel._keep_in_fp32_modules)
    for name, module in block.named_modules():
        if isinstance(module, MagiLayerNorm):
            nn.init.zeros_(module.weight)
        if declared & set(name.split(".")):
            module.float()
    return block


def magi1_inputs() -> dict[str, Any]:
    """What a block's forward takes: one chunk of one frame, one caption."""
    dim = CONFIG.hidden_size
    rope = MagiRotaryEmbedding(dim // CONFIG.num_attention_heads // 8)
    return {
        "x": noise(1, SIDE * SIDE, dim),
        "condition": noise(1, 1, int(dim * CONFIG.condition_ratio)),
        "captions": [noise(TEXT_TOKENS, dim)],
        "rotary": tuple(angle.detach() for angle in rope(0, 1, SIDE, SIDE)),
        "layout": ALONE,
        "cache": None,
        "layer": 1,
    }


def whole_magi1() -> nn.Module:
    """The transformer of ``ckpt/magi/4.5B_distill``."""
    model: nn.Module = MagiTransformer3DModel(**CONFIG.as_dict())
    return model
