"""Parts of an address."""

from pydantic import HttpUrl


def host_of(url: HttpUrl) -> str:
    """The name or address to connect to; an IPv6 address without its brackets."""
    return (url.host or "").strip("[]")
