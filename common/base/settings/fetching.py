"""Settings of files that are fetched from addresses in requests."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class FetchSettings(BaseSettings):
    """A part of ``common.base.settings.service.Settings``. API process and worker read them."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    fetch_urls: bool = False
    """Take addresses in requests of the cutting room, and fetch their files."""
    fetch_allow_http: bool = False
    """Fetch from http:// too; without it https:// only."""
    fetch_allow_private: bool = False
    """Fetch from addresses of this machine and of private networks too."""
    fetch_ports: str = Field("80,443,8080,8443", pattern=r"^(any|\d{1,5}(,\d{1,5})*)$")
    """Ports that files are fetched from, or any."""
    fetch_max_mb: float = Field(4096, gt=0)
    """Largest file that is fetched, or taken from a finished job."""
    fetch_seconds: float = Field(600, gt=0)
    """One file has so long to come, with all that is tried again."""
