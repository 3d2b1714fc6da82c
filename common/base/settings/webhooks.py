"""The settings of webhooks; the secret is read by ``common.jobs.webhooks.signing``."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class WebhookSettings(BaseSettings):
    """Whom a service may tell about the end of a job, and how often it tries."""

    webhooks_allowed: bool = False
    """Take webhook_url in requests, and call it when the job ends. Needs a secret."""
    webhook_secret: SecretStr | None = None
    """Signs webhooks: whsec_ and base64 of 24 to 64 bytes. Several, with spaces: all sign."""
    webhook_secret_file: Path | None = None
    """A file that holds WEBHOOK_SECRET."""
    webhook_allow_http: bool = False
    """Take http:// too; without it https:// only."""
    webhook_allow_private: bool = False
    """Call addresses of this machine and of private networks too."""
    webhook_ports: str = Field("80,443,8080,8443", pattern=r"^(any|\d{1,5}(,\d{1,5})*)$")
    """Ports that may be called, or any."""
    webhook_timeout_seconds: float = Field(10, gt=0, le=60)
    """A receiver has so long to answer."""
    webhook_retry_seconds: str = Field(
        "5,300,1800,7200,18000,36000,50400,72000,86400", pattern=r"^\d+(\.\d+)?(,\d+(\.\d+)?)*$"
    )
    """Seconds before the second try, the third, ...; after the last it is given up."""

    @property
    def webhook_waits(self) -> tuple[float, ...]:
        """``webhook_retry_seconds``, in seconds."""
        return tuple(float(wait) for wait in self.webhook_retry_seconds.split(","))
