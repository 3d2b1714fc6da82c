"""This service's own options: ``options`` of a request."""

from dataclasses import replace
from enum import StrEnum

from pydantic import Field

from common.contract.step_caches import StepCache
from common.kinds.video import Defaults
from common.kinds.video.step_cache import STEP_CACHE, STEP_CACHE_THRESHOLD, StepCacheOptions
from waver.prompts import Quality, Style

APG_SCALE = 8.0
APG_THRESHOLD = 27.0
"""Both from Waver's report (arXiv 2508.15761), for 720p."""


class Guidance(StrEnum):
    """How the passes with and without the prompt become one."""

    CFG = "cfg"
    """Classifier-free guidance."""
    APG = "apg"
    """Adaptive projected guidance."""


class WaverOptions(StepCacheOptions):
    """What only this service has."""

    guidance: Guidance = Field(
        Guidance.CFG,
        description="`cfg` is plain classifier-free guidance. `apg` leaves out what only makes the "
        "picture more saturated, frame by frame, and bears a higher `guidance_scale`; left out, "
        f"that is {APG_SCALE:g} then, as in Waver's report.",
    )
    apg_threshold: float = Field(
        APG_THRESHOLD,
        gt=0,
        le=1000,
        description="Under `apg`: the longest that a frame's guidance may be, as a vector. "
        "Smaller is milder.",
    )
    flow_shift: float | None = Field(
        None,
        ge=1,
        le=20,
        description="Shift of the noise schedule: higher spends more steps on layout and motion, "
        "lower on detail. Left out: the checkpoint's published one.",
    )
    style: Style | None = Field(
        None, description="A look, in words put before the prompt. Left out: the prompt alone."
    )
    quality: Quality = Field(
        Quality.PLAIN,
        description="`high` puts words for a sharp and lively video behind the prompt, and their "
        "opposites into the negative prompt.",
    )
    step_cache: StepCache | None = STEP_CACHE
    step_cache_threshold: float | None = STEP_CACHE_THRESHOLD

    def adjusted(self, defaults: Defaults) -> Defaults:
        """Projected guidance has a scale of its own."""
        apg = self.guidance is Guidance.APG
        return replace(defaults, guidance_scale=APG_SCALE) if apg else defaults
