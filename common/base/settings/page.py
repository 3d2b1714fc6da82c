"""Settings of the page at /ui."""

import re
from typing import NamedTuple

from pydantic import field_validator
from pydantic_settings import BaseSettings

_PLACE = re.compile(r"https?://[^\s,]+|:\d{1,5}")


class Sibling(NamedTuple):
    """Another service of the same stack: its name, and where its page is."""

    name: str
    url: str


class UiSettings(BaseSettings):
    """What the page cannot find out by itself."""

    siblings: str = ""
    """The other services, for the page's menu: name=http://host:port,... or name=:port, which is
    a port of the host that the page came from. Empty: no menu."""

    @field_validator("siblings")
    @classmethod
    def _readable(cls, value: str) -> str:
        siblings_of(value)
        return value


def siblings_of(text: str) -> tuple[Sibling, ...]:
    """Read ``name=url,...``.

    Raises:
        ValueError: an entry has no name, or its place is neither a web address nor a port.
    """
    return tuple(_sibling(entry.strip()) for entry in text.split(",") if entry.strip())


def _sibling(entry: str) -> Sibling:
    name, _, url = entry.partition("=")
    # Only these: the page makes links of them, and a link can also be a script.
    if not name or not _PLACE.fullmatch(url):
        raise ValueError(f"{entry} is not name=http://host:port, nor name=:port")
    return Sibling(name, url)
