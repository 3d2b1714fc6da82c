"""LTX-2's own options: the guidance that the common request has no field for."""

from typing import Annotated

from pydantic import Field

from common.kinds.video import VideoOptions

Scale = Annotated[float, Field(ge=0, le=20)] | None
Fraction = Annotated[float, Field(ge=0, le=1)] | None


class Ltx2Options(VideoOptions):
    """What is left out follows ``guidance_scale``.

    Above 1 that is the model's published values; at 1 or below no guidance of any kind, which is
    one pass of the transformer a step. What is given here is done also then. Each of the three
    guidances costs one more pass; it runs when its video or its audio scale asks for it.
    """

    stg_scale: Scale = Field(
        None,
        description="Spatio-temporal guidance of the picture: away from a pass whose self-attention"
        " is perturbed. 0 is off; with `audio_stg_scale` 0 too, a job takes a quarter less time.",
    )
    modality_scale: Scale = Field(
        None,
        description="How strongly picture and sound are bound together: away from a pass in which"
        " they do not see each other. 1 is off.",
    )
    guidance_rescale: Fraction = Field(
        None, description="Pulls the contrast of the guided picture back: 0 not at all, 1 fully."
    )
    audio_guidance_scale: Scale = Field(
        None, description="`guidance_scale` of the sound. 1 is off."
    )
    audio_stg_scale: Scale = Field(None, description="`stg_scale` of the sound. 0 is off.")
    audio_modality_scale: Scale = Field(
        None, description="`modality_scale` of the sound. 1 is off."
    )
    audio_guidance_rescale: Fraction = Field(None, description="`guidance_rescale` of the sound.")
