"""How far the noise schedule is shifted towards high noise. No torch here."""

from pathlib import Path

from common.runtime.weights import checkpoint_name

FAST = "FastVideo/FastHunyuan-diffusers"

FLOW_SHIFT = 7.0
"""``--flow-shift`` of Tencent-Hunyuan/HunyuanVideo, hyvideo/config.py."""

FLOW_SHIFT_FAST = 17.0
"""hao-ai-lab/FastVideo, scripts/inference/v1_inference_fasthunyuan.sh."""


def flow_shift_for(checkpoint: Path) -> float:
    """The published shift of a checkpoint in a hub cache.

    Told by its name, as FastVideo's own registry does: the two have the same configurations.
    """
    return FLOW_SHIFT_FAST if checkpoint_name(checkpoint) == FAST else FLOW_SHIFT
