"""Which addresses a client may have called."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from pydantic import HttpUrl

from common.errors import Unresolvable
from common.settings_webhooks import WebhookSettings

_NAT64 = IPv6Network("64:ff9b::/96")
_HOST_SERVICES = {IPv4Address("168.63.129.16")}
"""Public in form, answered by the machine's own host: Azure's platform."""


def check_webhook(url: HttpUrl | None, settings: WebhookSettings) -> None:
    """Whether this service may be asked to call ``url``.

    What a name resolves to is checked when it is called, by ``common.webhooks.network``.

    Raises:
        Unresolvable: it may not, and what would do instead.
    """
    if url is None:
        return
    if not settings.webhooks_allowed:
        raise _refused("this service calls nobody", "Leave it out, or set WEBHOOKS_ALLOWED=1.")
    if url.scheme != "https" and not settings.webhook_allow_http:
        raise _refused("it must begin with https://", "WEBHOOK_ALLOW_HTTP=1 takes http:// too.")
    if url.username or url.password:
        raise _refused("it has a name or a password in it", "The signature says who calls.")
    ports = settings.webhook_ports
    if ports != "any" and str(url.port) not in ports.split(","):
        raise _refused(f"port {url.port} is not called", f"Use one of {ports} (WEBHOOK_PORTS).")
    if not _may_be_called(host_of(url), private=settings.webhook_allow_private):
        raise _refused(
            "its address is not public", "WEBHOOK_ALLOW_PRIVATE=1 takes private ones too."
        )


def host_of(url: HttpUrl) -> str:
    """The name or address to connect to; an IPv6 address without its brackets."""
    return (url.host or "").strip("[]")


def allowed(address: str, *, private: bool) -> bool:
    """Whether an address may be connected to; ``private``: also those of this network.

    Link-local addresses never: a cloud's machines get their credentials there. Addresses that
    carry an IPv4 address inside (mapped, 6to4, Teredo, NAT64) count as that one.
    """
    try:
        ip = _inner(ip_address(address))
    except ValueError:
        return False
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip in _HOST_SERVICES:
        return False
    return private or (ip.is_global and not getattr(ip, "is_site_local", False))


def _inner(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv4Address):
        return ip
    teredo = ip.teredo[1] if ip.teredo else None
    nat64 = IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _NAT64 else None
    return ip.ipv4_mapped or ip.sixtofour or teredo or nat64 or ip


def _may_be_called(host: str, *, private: bool) -> bool:
    """Whether a host may be, as far as its name tells: a name that is no address may."""
    try:
        ip_address(host)
    except ValueError:
        return True
    return allowed(host, private=private)


def _refused(why: str, hint: str) -> Unresolvable:
    return Unresolvable(f"webhook_url: {why}.", param="webhook_url", hint=hint)
