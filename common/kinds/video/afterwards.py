"""What a request may want of its frames after the model: more of them, and larger ones.

The names are those that SGLang and vLLM-Omni have for them. No numpy here: ``publisher`` does it.
"""

from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

from common.base.errors import Unresolvable
from common.contract.fields import contradiction
from common.kinds.video.upscaler import ResolvedUpscaler, Upscaler
from common.kinds.video.variants import Capability

CAPABILITIES = frozenset({Capability.FRAME_INTERPOLATION, Capability.UPSCALING})
"""Of every checkpoint: it is not the model that does it."""

MAX_SIDE = 4096
"""Of a file's frames, in pixels: what H.264 at level 5.2 and most decoders take."""
MAX_FPS = 240.0

Exponent = Annotated[int, Field(ge=1, le=2)]
Scale = Annotated[int, Field(ge=2, le=4, multiple_of=2)]


class Afterwards(BaseModel):
    """The fields of a request."""

    enable_frame_interpolation: bool = Field(
        False, description="Frames between the model's, so that motion is smoother."
    )
    frame_interpolation_exp: Exponent | None = Field(
        None, description="1, left out, doubles the frame rate; 2 makes it four times."
    )
    enable_upscaling: bool = Field(False, description="Larger frames than the model's.")
    upscaling_scale: Scale | None = Field(
        None, description="Times the model's sides: 2, left out, or 4."
    )
    upscaler: Upscaler | None = Field(
        None,
        description="What makes them larger: `realesr-animevideov3`, left out; `realesrgan-x4plus`,"
        " far slower, for what a camera has seen; or `latent`, the model's own, on services that"
        " list `latent_upscaling`: twice the sides of a `video`, with `strength` 0.",
    )

    @model_validator(mode="after")
    def _how_much_of_what(self) -> Self:
        if self.frame_interpolation_exp is not None and not self.enable_frame_interpolation:
            raise contradiction("frame_interpolation_exp needs enable_frame_interpolation")
        if self.upscaling_scale is not None and not self.enable_upscaling:
            raise contradiction("upscaling_scale needs enable_upscaling")
        if self.upscaler is not None and not self.enable_upscaling:
            raise contradiction("upscaler needs enable_upscaling")
        return self

    def resolved(self, width: int, height: int, fps: float) -> dict[str, int]:
        """Fields of a ``ResolvedRequest`` of this size and rate. Raises Unresolvable."""
        exp = (self.frame_interpolation_exp or 1) if self.enable_frame_interpolation else 0
        scale = (self.upscaling_scale or 2) if self.enable_upscaling else 1
        if scale > 1 and max(width, height) * scale > MAX_SIDE:
            raise Unresolvable(
                f"{width}x{height} times {scale} is over {MAX_SIDE} pixels.",
                param="upscaling_scale",
                hint="Ask for a smaller resolution, or leave enable_upscaling out.",
            )
        if exp and fps * 2**exp > MAX_FPS:
            raise Unresolvable(
                f"{fps:g} frames a second times {2**exp} are over {MAX_FPS:g}.",
                param="frame_interpolation_exp",
                hint="Ask for a smaller fps, or leave enable_frame_interpolation out.",
            )
        return {"frame_interpolation_exp": exp, "upscaling_scale": scale}


def as_asked(
    exp: int, scale: int, upscaler: ResolvedUpscaler | None
) -> dict[str, bool | int | str]:
    """The fields of a request that is resolved to this."""
    fields: dict[str, bool | int | str] = {}
    if exp:
        fields |= {"enable_frame_interpolation": True, "frame_interpolation_exp": exp}
    if scale > 1:
        fields |= {"enable_upscaling": True, "upscaling_scale": scale}
        fields |= {"upscaler": upscaler.name} if upscaler else {}
    return fields
