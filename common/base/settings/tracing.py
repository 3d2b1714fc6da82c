"""The setting of traces."""

from pydantic import Field
from pydantic_settings import BaseSettings


class TracingSettings(BaseSettings):
    """Where spans go."""

    otel_exporter_otlp_endpoint: str | None = Field(None, pattern=r"^https?://[^\s]+$")
    """Send traces there by OTLP/HTTP, as in http://localhost:4318; needs the extra tracing."""
