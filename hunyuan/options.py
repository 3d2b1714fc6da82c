"""HunyuanVideo's own options: ``options`` of a request."""

from typing import Self

from pydantic import Field

from common.base.errors import Unresolvable
from common.kinds.video import VideoOptions, VideoVariant
from hunyuan.version import is_15_name

EMBEDDED_GUIDANCE = 6.0
"""``--embedded-cfg-scale`` of Tencent-Hunyuan/HunyuanVideo, hyvideo/config.py, and of FastVideo's
scripts/inference/v1_inference_fasthunyuan.sh."""


class HunyuanOptions(VideoOptions):
    """What only HunyuanVideo has."""

    embedded_guidance_scale: float | None = Field(
        None,
        ge=1,
        le=20,
        description="How strictly the prompt is followed, told to the model as a number: it was "
        "distilled to answer as if guided, in one pass a step. Left out: 6. Beside it, "
        "`guidance_scale` above 1 guides by a second pass, where the checkpoint can. "
        "HunyuanVideo 1.5 has `guidance_scale` alone.",
    )
    flow_shift: float | None = Field(
        None,
        ge=1,
        le=30,
        description="Shift of the noise schedule: higher spends more steps on layout and motion, "
        "lower on detail. Left out: the checkpoint's published one, 17 for FastHunyuan and 7 for "
        "HunyuanVideo; of 1.5, 5 at 480p, 9 at 720p, and 7 for the step-distilled one.",
    )

    def settled(
        self, variant: VideoVariant, *, guidance_scale: float, num_inference_steps: int
    ) -> Self:
        """The authors' scale where none is asked for; None for 1.5, which has no such input."""
        del guidance_scale, num_inference_steps
        scale = self.embedded_guidance_scale
        if not is_15_name(variant.checkpoint):
            return self.model_copy(update={"embedded_guidance_scale": scale or EMBEDDED_GUIDANCE})
        if scale is not None:
            name = "options.embedded_guidance_scale"
            raise Unresolvable(
                f"{name}: {variant.name} has no such input.",
                param=name,
                hint="Ask for guidance_scale.",
            )
        return self
