"""The settings of who may ask: keys, tokens, limits for each caller, hosts and origins."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class AuthSettings(BaseSettings):
    """Inherited by ``common.base.settings.service.Settings``."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    api_keys_file: Path | None = None
    """A key a line, as `python -m scripts.make_key NAME` makes them; changes count at once."""
    api_keys: SecretStr | None = None
    """The same lines without a file, with semicolons between them."""
    jwt_secret: SecretStr | None = None
    """Take tokens (JWT) that are signed with this secret, by HS256; 32 bytes or more."""
    jwt_secret_file: Path | None = None
    """The same secret, in a file."""
    jwt_public_key_file: Path | None = None
    """Take tokens (JWT) that are signed by RS256; a public key in PEM. One algorithm at a time."""
    jwt_audience: str = "videosdgx"
    """What the claim aud of a token must name."""
    jwt_issuer: str | None = None
    """What the claim iss of a token must be. Needed for tokens."""
    session_days: float = Field(7, gt=0)
    """A browser that has shown its key need not do so again for so many days."""
    rate_limit_per_minute: int = Field(0, ge=0)
    """Requests for jobs that one caller may send in a minute; the next gets 429. 0: no limit."""
    max_jobs_per_key: int = Field(0, ge=0)
    """Unfinished jobs that one caller may have; the next gets 429. 0: MAX_QUEUE alone counts."""
    metrics_open: bool = False
    """Let all read GET /metrics, as Prometheus does without a key; else that needs an admin."""
    allow_unauthenticated: bool = False
    """Listen beyond this machine without keys: only where something else keeps strangers out."""
    allowed_hosts: str = "localhost,127.0.0.1,[::1]"
    """Names and addresses that this machine is called by, with commas; no others. *: any."""
    cors_origins: str | None = None
    """Other sites whose pages may ask, as in https://a.example, with commas; none when empty."""
