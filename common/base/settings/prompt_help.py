"""Settings of prompt help: who rewrites a prompt for requests that ask for it."""

from pathlib import Path

from pydantic import Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class PromptHelpSettings(BaseSettings):
    """A part of ``common.base.settings.service.Settings``. The worker reads them."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    prompt_help_url: HttpUrl | None = None
    """An OpenAI-compatible API that rewrites prompts for requests with enhance_prompt, as in
    http://host.docker.internal:11434/v1 (Ollama). Empty: LTX-2 alone can, by its text encoder."""
    prompt_help_model: str | None = None
    """The language model to ask there, by its name."""
    prompt_help_api_key: SecretStr | None = None
    """Is sent there as a bearer token, where one is needed."""
    prompt_help_api_key_file: Path | None = None
    """A file that holds PROMPT_HELP_API_KEY."""
    prompt_help_seconds: float = Field(30, gt=0, le=600)
    """It has so long to answer; then the job is made with its prompt as it is."""
