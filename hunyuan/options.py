"""HunyuanVideo's own options: ``options`` of a request."""

from pydantic import Field

from common.kinds.video import VideoOptions

EMBEDDED_GUIDANCE = 6.0
"""``--embedded-cfg-scale`` of Tencent-Hunyuan/HunyuanVideo, hyvideo/config.py, and of FastVideo's
scripts/inference/v1_inference_fasthunyuan.sh."""


class HunyuanOptions(VideoOptions):
    """What only HunyuanVideo has."""

    embedded_guidance_scale: float = Field(
        EMBEDDED_GUIDANCE,
        ge=1,
        le=20,
        description="How strictly the prompt is followed, told to the model as a number: it was "
        "distilled to answer as if guided, in one pass a step. Beside it, `guidance_scale` above 1 "
        "guides by a second pass, where the checkpoint can.",
    )
    flow_shift: float | None = Field(
        None,
        ge=1,
        le=30,
        description="Shift of the noise schedule: higher spends more steps on layout and motion, "
        "lower on detail. Left out: the checkpoint's published one, 17 for FastHunyuan and 7 for "
        "HunyuanVideo.",
    )
