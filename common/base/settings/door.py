"""Settings of what clients may send and hold, before any request is looked at."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DoorSettings(BaseSettings):
    """A part of ``common.base.settings.service.Settings``."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    max_body_mb: float = Field(64, gt=0)
    """Largest request body, uploads included."""
    max_json_mb: float = Field(24, gt=0)
    """Largest body that is JSON, perhaps with a picture in it: it lies in memory."""
    max_uploads_mb: float = Field(256, gt=0)
    """Forms under way in all, in the temporary folder; each caller has half of it."""
    max_file_mb: float = Field(2048, gt=0)
    """Largest file that an admin may store as it is (a LoRA); one at a time."""
    max_connections: int = Field(2000, ge=16)
    """Open connections; each address has half of them. Over it the longest idle one is closed."""
    client_seconds: float = Field(20, gt=0)
    """A client has so long for the head of a request, and for each 16 KB/s x CLIENT_SECONDS of its
    body; one that takes nothing of an answer is left after six times as long."""
