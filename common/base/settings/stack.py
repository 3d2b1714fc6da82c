"""Settings of the other services: where they are, and by what services know each other."""

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_ADDRESS = re.compile(r"http://[^\s,/@?#]+")


class StackSettings(BaseSettings):
    """A part of ``common.base.settings.service.Settings``."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    stack_addresses: str = ""
    """Where a service finds the others for its pipelines: name=http://host:port,... `make up` and
    `make serve` set it. Empty: it knows itself alone."""
    stack_secret: SecretStr | None = None
    """The same in all services; 32 bytes or more. With keys or tokens pipelines need it: a service
    signs with it for whom it asks another one."""
    stack_secret_file: Path | None = None
    """A file that holds STACK_SECRET."""

    @field_validator("stack_addresses")
    @classmethod
    def _addresses(cls, value: str) -> str:
        addresses_of(value)
        return value


def addresses_of(text: str) -> Mapping[str, str]:
    """Read ``name=http://host:port,...``.

    Raises:
        ValueError: an entry has no name, or no such address.
    """
    return dict(_entry(entry.strip()) for entry in text.split(",") if entry.strip())


def _entry(entry: str) -> tuple[str, str]:
    name, _, address = entry.partition("=")
    if not name or not _ADDRESS.fullmatch(address):
        raise ValueError(f"{entry} is not name=http://host:port")
    return name, address
