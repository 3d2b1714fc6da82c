"""Wan2.1's own options: ``options`` of a request."""

from pydantic import Field

from common.kinds.video import VideoOptions


class Wan21Options(VideoOptions):
    """What only Wan2.1 has."""

    flow_shift: float | None = Field(
        None,
        ge=1,
        le=20,
        description="Shift of the noise schedule: higher spends more steps on layout and motion, "
        "lower on detail. Left out: 5, but 3 for image to video near 480p, and 8 for the 1.3B. "
        "The four-step checkpoints were trained with 5 and have it at every size.",
    )
