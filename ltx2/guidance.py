"""Which guidance a job gets, and how many passes of the transformer that costs a step. No torch."""

import sys
from dataclasses import asdict, dataclass, replace

from ltx2.options import Ltx2Options


@dataclass(frozen=True)
class Guidance:
    """Guidance scales of the picture, and of the sound. The defaults of the fields are neutral."""

    guidance_scale: float = 1.0
    stg_scale: float = 0.0
    modality_scale: float = 1.0
    guidance_rescale: float = 0.0
    audio_guidance_scale: float = 1.0
    audio_stg_scale: float = 0.0
    audio_modality_scale: float = 1.0
    audio_guidance_rescale: float = 0.0

    @property
    def has_cfg(self) -> bool:
        """Whether the negative prompt takes part."""
        return max(self.guidance_scale, self.audio_guidance_scale) > 1

    @property
    def has_stg(self) -> bool:
        """Whether a pass with perturbed self-attention takes part."""
        return max(self.stg_scale, self.audio_stg_scale) > 0

    @property
    def has_modality(self) -> bool:
        """Whether a pass without attention between picture and sound takes part."""
        return max(self.modality_scale, self.audio_modality_scale) > 1

    @property
    def passes(self) -> int:
        """Videos through the transformer a step: 1 to 4. Those of the two prompts go as a pair."""
        return 1 + self.has_cfg + self.has_stg + self.has_modality

    def arguments(self) -> dict[str, float]:
        """Arguments of ``LTX2Pipeline.__call__``, which reads an audio scale of 0 as not given.

        It then takes the picture's (``audio_stg_scale or stg_scale``, diffusers 0.42.1,
        pipelines/ltx2/pipeline_ltx2.py). The smallest float is true, and 0 in float32.
        """
        values: dict[str, float] = asdict(self)
        for name in ("guidance_scale", "stg_scale", "modality_scale", "guidance_rescale"):
            audio = f"audio_{name}"
            if values[audio] == 0 and values[name] != 0:
                values[audio] = sys.float_info.min
        return values


PUBLISHED = Guidance(
    stg_scale=1.0,
    modality_scale=3.0,
    guidance_rescale=0.7,
    audio_guidance_scale=7.0,
    audio_stg_scale=1.0,
    audio_modality_scale=3.0,
    audio_guidance_rescale=0.7,
)
"""Both ``LTX_2_PARAMS`` and ``LTX_2_3_PARAMS`` in Lightricks/LTX-2, ltx_pipelines/utils/
constants.py, and the defaults of ``LTX2Pipeline.__call__`` in diffusers 0.42.1."""


def resolve_guidance(guidance_scale: float, options: Ltx2Options) -> Guidance:
    """Everything that was left out, filled in.

    At ``guidance_scale`` 1 or below all of it is neutral. diffusers' own defaults are not: there,
    ``guidance_scale=1`` alone still runs every pass (huggingface/diffusers issue 14649).

    Args:
        guidance_scale: of the request; 1 or below is off.
        options: what the client asked for by name.
    """
    base = Guidance() if guidance_scale <= 1 else PUBLISHED
    asked = options.model_dump(exclude_none=True)
    return replace(base, guidance_scale=guidance_scale, **asked)
