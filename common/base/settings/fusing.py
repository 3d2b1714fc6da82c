"""The setting of fused batches."""

from pydantic import Field
from pydantic_settings import BaseSettings


class FusingSettings(BaseSettings):
    """Jobs that are made together."""

    fused_batch: int | None = Field(None, ge=1)
    """Waiting jobs of one shape that are denoised together. 1: none; empty: the model's own."""
