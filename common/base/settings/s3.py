"""The settings of a bucket; the keys are read by ``common.publishing.bucket.opening``."""

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*/")


class S3Settings(BaseSettings):
    """A part of ``common.base.settings.service.Settings``."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    s3_bucket: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    """Files of finished jobs go to this bucket too. Empty: to no bucket."""
    s3_prefix: str = Field("", max_length=256)
    """In front of the names of all objects, as in videos/; below it: model, job, file."""
    s3_endpoint_url: HttpUrl | None = None
    """Whose bucket, as in http://minio:9000. Empty: Amazon's, of S3_REGION."""
    s3_public_url: HttpUrl | None = None
    """The same server, as clients reach it: for presigned addresses. Empty: S3_ENDPOINT_URL."""
    s3_region: str = Field("us-east-1", pattern=r"^[a-z0-9-]+$")
    """Is signed with; servers of one's own mostly take any."""
    s3_path_style: bool | None = None
    """The bucket is in the path of an address, not in its host. Empty: where S3_ENDPOINT_URL is
    set."""
    s3_keys: SecretStr | None = None
    """The id of an access key and its secret, with a space between them."""
    s3_keys_file: Path | None = None
    """A file that holds S3_KEYS; read again for each use."""
    s3_keep_local: bool = True
    """Files stay on this disk when the bucket has them; off: they go, but what somebody keeps."""
    s3_downloads: Literal["streamed", "presigned"] = "streamed"
    """What is only in the bucket is sent on by the service, or clients are sent there (307)."""
    s3_presigned_seconds: int = Field(3600, ge=1, le=604_800)
    """A presigned address is good for so long."""
    s3_part_mb: int = Field(16, ge=5, le=1024)
    """Larger files go in parts of so many MiB; what has arrived survives a kill."""
    s3_timeout_seconds: float = Field(30, gt=0, le=600)
    """The server has so long for each sign of life."""
    s3_input_buckets: str = ""
    """Buckets that requests may name files in (s3://bucket/name), with commas. Empty: none."""

    @field_validator("s3_prefix")
    @classmethod
    def _a_folder(cls, value: str) -> str:
        prefix = f"{value.rstrip('/')}/" if value else ""
        if prefix and (not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/"))):
            raise ValueError("it is no path of letters, digits and -_.!*'() between slashes")
        return prefix
