"""Settings about what a request may say."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class RequestSettings(BaseSettings):
    """Inherited by ``Settings``."""

    idempotency_hours: float = Field(24, gt=0)
    """An Idempotency-Key is kept so long: until then it makes no second job."""
    request_cache: bool = True
    """A request with a seed whose like was made before is answered with those files, at once."""
    two_stages: bool = True
    """LTX-2: preset high makes a video at half of its sides first, then refines it; the files for
    that are fetched with the checkpoint. False: one stage, and none of those files."""
    templates_dir: Path | None = None
    """Templates of prompts, a YAML file each; read again when they change. Empty: ours."""
    edit_templates_dir: Path | None = None
    """Templates of the cutting room's edits, likewise (docs/cutting-room.md)."""
