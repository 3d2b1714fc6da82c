"""Wan2.1's own options: ``options`` of a request."""

from typing import Self

from pydantic import Field

from common.base.errors import Unresolvable
from common.contract.step_caches import StepCache
from common.kinds.video import VideoVariant
from common.kinds.video.step_cache import STEP_CACHE, STEP_CACHE_THRESHOLD, StepCacheOptions


class Wan21Options(StepCacheOptions):
    """What only Wan2.1 has."""

    flow_shift: float | None = Field(
        None,
        ge=1,
        le=20,
        description="Shift of the noise schedule: higher spends more steps on layout and motion, "
        "lower on detail. Left out: 5, but 3 for image to video near 480p, and 8 for the 1.3B; of "
        "VACE 16; of Wan 2.2's A14B 12, and 5 from a picture. "
        "The four-step checkpoints were trained with 5 and have it at every size.",
    )
    guidance_scale_2: float | None = Field(
        None,
        ge=0,
        le=20,
        description="Of Wan 2.2's A14B, which has two transformers: `guidance_scale` of the one "
        "that makes the last steps, where there is little noise. Left out: three quarters of "
        "`guidance_scale`, and all of it from a picture. 1 is off.",
    )
    step_cache: StepCache | None = STEP_CACHE
    step_cache_threshold: float | None = STEP_CACHE_THRESHOLD

    def settled(
        self, variant: VideoVariant, *, guidance_scale: float, num_inference_steps: int
    ) -> Self:
        """The second guidance keeps the share of the first that the authors gave it."""
        settled = super().settled(
            variant, guidance_scale=guidance_scale, num_inference_steps=num_inference_steps
        )
        return settled.model_copy(
            update={"guidance_scale_2": self._second(variant, guidance_scale)}
        )

    def _second(self, variant: VideoVariant, guidance_scale: float) -> float | None:
        usual, high = variant.defaults.guidance_scale_2, variant.limits.max_guidance_scale
        scale = self.guidance_scale_2
        if usual is None:
            if scale is not None:
                raise _refused(f"{variant.name} has one transformer.", "Leave it out.")
            return None
        if scale is None:
            scale = round(guidance_scale * usual / variant.defaults.guidance_scale, 4)
        if scale > high:
            raise _refused(f"{scale:g} is out of range: 0 to {high:g}.", f"Ask for {high:g}.")
        return scale


def _refused(reason: str, hint: str) -> Unresolvable:
    name = "options.guidance_scale_2"
    return Unresolvable(f"{name}: {reason}", param=name, hint=hint)
