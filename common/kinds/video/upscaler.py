"""What a job says of what makes its frames larger, where the request chose it."""

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Upscaler(StrEnum):
    """What can make a video's frames larger."""

    ANIMEVIDEO = "realesr-animevideov3"
    X4PLUS = "realesrgan-x4plus"
    LATENT = "latent"
    """The model's own, of latents: from a video that is there, with no step of denoising."""


class ResolvedUpscaler(BaseModel):
    """One that is here."""

    model_config = ConfigDict(frozen=True)

    name: Upscaler
    size_bytes: int = 0
    """Of its files, where it has any besides ours and the checkpoint's."""
    revision: str = ""
    """The commit that they are of, or what else tells them apart."""


def x4plus_weights(models_dir: Path) -> Path:
    """Where ``X4PLUS`` lies, if it is there: a .param and a .bin of this name."""
    return models_dir / "upscalers" / Upscaler.X4PLUS
