"""How far the noise schedule of a request is shifted towards high noise. No torch here."""

import math

from wan21.experts import FLOW_SHIFT_I2V, FLOW_SHIFT_T2V

FLOW_SHIFT = 5.0
FLOW_SHIFT_I2V_480P = 3.0
"""Wan-Video/Wan2.1, generate.py: 5 whatever the size, but for a picture at 832x480."""

FLOW_SHIFT_FLF2V = 16.0
"""generate.py there: from a first picture to a last one."""

FLOW_SHIFT_VACE = 16.0
"""generate.py there: VACE, 1.3B and 14B, at every size and for every task."""

FLOW_SHIFT_1_3B = 8.0
"""Model card of Wan-AI/Wan2.1-T2V-1.3B: 8 to 12, with guidance_scale 6."""

HEADS_1_3B = 12
"""Attention heads of the 1.3B; the 14B has 40 (Wan-Video/Wan2.1, wan/configs/)."""

THRESHOLD_PIXELS = math.sqrt(832 * 480 * 1280 * 720)
"""Geometric mean of the two sizes of image to video, about 607,000 pixels. There a size is an area,
whose sides follow the picture (wan/image2video.py, ``max_area``); any other is treated as the one
that it is nearer to in ratio."""


def flow_shift_for(
    width: int,
    height: int,
    *,
    num_attention_heads: int,
    from_picture: bool,
    to_picture: bool = False,
    two_experts: bool = False,
    vace: bool = False,
) -> float:
    """The published shift for a size in pixels and a model told by its heads and its task.

    ``two_experts`` is Wan 2.2's A14B.
    """
    if vace:
        return FLOW_SHIFT_VACE
    if two_experts:
        return FLOW_SHIFT_I2V if from_picture else FLOW_SHIFT_T2V
    if num_attention_heads == HEADS_1_3B:
        return FLOW_SHIFT_1_3B
    if to_picture:
        return FLOW_SHIFT_FLF2V
    small = width * height <= THRESHOLD_PIXELS
    return FLOW_SHIFT_I2V_480P if from_picture and small else FLOW_SHIFT
