"""The settings of batches."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class BatchSettings(BaseSettings):
    """A part of ``common.base.settings.service.Settings``."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    max_batch_jobs: int = Field(100, ge=1, le=200)
    """Requests in one batch, 200 at most. MAX_QUEUE must have room for all of them at once."""
