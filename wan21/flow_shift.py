"""How far the noise schedule of a request is shifted towards high noise. No torch here."""

import math

FLOW_SHIFT_480P = 3.0
FLOW_SHIFT_720P = 5.0
"""Both from diffusers, docs/source/en/api/pipelines/wan.md: 5.0 for 720p, 3.0 for 480p."""

FLOW_SHIFT_1_3B = 8.0
"""Model card of Wan-AI/Wan2.1-T2V-1.3B: 8 to 12, with guidance_scale 6."""

HEADS_1_3B = 12
"""Attention heads of the 1.3B; the 14B has 40 (Wan-Video/Wan2.1, wan/configs/)."""

THRESHOLD_PIXELS = math.sqrt(832 * 480 * 1280 * 720)
"""Geometric mean of the two sizes trained on, about 607,000 pixels: a size is treated as the one
that it is nearer to in ratio."""


def flow_shift_for(width: int, height: int, *, num_attention_heads: int) -> float:
    """The published shift for a size in pixels and a model told by its heads."""
    if num_attention_heads == HEADS_1_3B:
        return FLOW_SHIFT_1_3B
    return FLOW_SHIFT_720P if width * height > THRESHOLD_PIXELS else FLOW_SHIFT_480P
