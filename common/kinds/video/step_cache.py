"""Options of models whose denoising steps may be cached, and what that means for a job's books."""

from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from common.base.errors import Unresolvable
from common.contract.step_caches import StepCache, StepCaching
from common.kinds.video.options import VideoOptions
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.variants import Capability, VideoVariant

THRESHOLDS = {StepCache.FIRST_BLOCK: 0.05, StepCache.MAG: 0.06}
"""What is taken where a request says none: diffusers' own, whose error docs/benchmarks.md has."""

MIN_STEPS = 14
"""Below it next to nothing is left out, or what is left out is missed (docs/benchmarks.md)."""

STEP_CACHE: Any = Field(
    None,
    description="Leaves denoising steps out that would add nearly what an earlier one did: faster, "
    "and not quite the same video. `first_block` asks the transformer's first block at each step, "
    "`mag` goes by what was measured of the checkpoint. Left out: every step is computed.",
)
STEP_CACHE_THRESHOLD: Any = Field(
    None,
    gt=0,
    le=1,
    description="Of `step_cache`: how different a step may be to be left out. Higher is faster and "
    f"further from the whole. Left out: {THRESHOLDS[StepCache.FIRST_BLOCK]:g} for `first_block`, "
    f"{THRESHOLDS[StepCache.MAG]:g} for `mag`.",
)
"""A model declares both after its own: ``step_cache: StepCache | None = STEP_CACHE``."""


class StepCacheOptions(VideoOptions):
    """Base of the options of models that have them."""

    if TYPE_CHECKING:  # declared here they would come first, on the page and in errors
        step_cache: StepCache | None
        step_cache_threshold: float | None

    def settled(
        self, variant: VideoVariant, *, guidance_scale: float, num_inference_steps: int
    ) -> Self:
        """With the cache's own threshold where none is said.

        Raises:
            Unresolvable: the checkpoint has no use for a cache, or too few steps are asked for.
        """
        del guidance_scale
        if self.step_cache is None:
            _check_alone(self.step_cache_threshold)
            return self
        _check_worth(variant, num_inference_steps)
        threshold = self.step_cache_threshold or THRESHOLDS[self.step_cache]
        return self.model_copy(update={"step_cache_threshold": threshold})

    def caching(self, num_inference_steps: int) -> StepCaching | None:
        """Of a job whose options are settled; None where every step is computed."""
        if self.step_cache is None:
            return None
        threshold = self.step_cache_threshold or THRESHOLDS[self.step_cache]
        return StepCaching(self.step_cache, threshold, num_inference_steps)


def way_of(request: ResolvedRequest) -> str:
    """Names a job's cache, "" where it has none: what its operations take is another time."""
    options = request.options
    cache = options.get("step_cache")
    return f"{cache} {options.get('step_cache_threshold')}" if cache else ""


def check_cached(request: ResolvedRequest) -> None:
    """Raises Unresolvable: a cache counts steps from the first, and that one is not taken."""
    if request.strength is not None and way_of(request):
        raise Unresolvable(
            "options.step_cache and strength do not go together: strength leaves out the first "
            "steps already.",
            param="options.step_cache",
            hint="Leave one of them out.",
        )


def kept_tensors(request: ResolvedRequest) -> int:
    """Tensors [tokens, width] that stay from one step to the next; each pass has its own."""
    cache = request.options.get("step_cache")
    passes = 2 if request.guidance_scale > 1 else 1
    return StepCache(cache).kept_tensors * passes if cache else 0


def _check_alone(threshold: float | None) -> None:
    if threshold is not None:
        raise Unresolvable(
            "options.step_cache_threshold says nothing without a step cache.",
            param="options.step_cache_threshold",
            hint="Choose one in options.step_cache, or leave the threshold out.",
        )


def _check_worth(variant: VideoVariant, num_inference_steps: int) -> None:
    if Capability.STEP_CACHE not in variant.capabilities:
        most = variant.limits.max_steps
        few = f": none of its {most} steps can be left out" if most < MIN_STEPS else ""
        raise Unresolvable(
            f"options.step_cache: {variant.name} has no use for one{few}.",
            param="options.step_cache",
            hint="Leave it out.",
        )
    if num_inference_steps < MIN_STEPS:
        raise Unresolvable(
            f"options.step_cache needs at least {MIN_STEPS} steps, "
            f"and num_inference_steps is {num_inference_steps}.",
            param="options.step_cache",
            hint=f"Leave it out, or ask for {MIN_STEPS} steps or more.",
        )
