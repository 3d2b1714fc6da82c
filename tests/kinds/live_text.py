"""A real service of texts."""

from pathlib import Path

from tests.kinds.text.model_config import make_checkpoint
from tests.live import LiveService

MODULE = "tests.kinds.text.app"


def live_text(folder: Path, **settings: object) -> LiveService:
    """It does not run yet, and has its checkpoint."""
    service = LiveService(folder, MODULE, "text", **settings)
    make_checkpoint(service.models)
    return service
