"""Which addresses are public, and which are nobody's to name."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]


def _networks(*texts: str) -> Networks:
    return tuple(ip_network(text) for text in texts)


_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""RFC 4291, 2.4: all that IANA has given out."""
_SPECIAL = _networks(
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
    *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
)
"""IANA's special-purpose registries (RFC 6890). Python's own ``is_global`` differs by version."""
_NEVER = _networks(
    *("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32"),
    *("fe80::/10", "ff00::/8"),
    # They carry an IPv4 address inside, which something on the way may go on to: compatible and
    # translated ones, NAT64 of a network's own, Teredo, 6to4. No receiver is found there today.
    *("::ffff:0:0:0/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"),
    # Where clouds tell a machine its credentials: Azure, Alibaba, Oracle, AWS, Google, Scaleway.
    *("168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32"),
    *("fd00:ec2::/32", "fd20:ce::254/128", "fd00:42::42/128"),
)
_COMPATIBLE = IPv6Network("::/96")
_LOOPBACK = IPv6Address("::1")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = 0x5EFE
"""Bits 32 to 63 of the interface, but for the bit that says whether its IPv4 address is public."""


def allowed(address: str, *, private: bool) -> bool:
    """Whether an address may be connected to; ``private``: also those of this network.

    Link-local ones and those where clouds keep credentials never, nor those of old tunnels. An
    IPv4 address that is written as an IPv6 one (mapped, NAT64) counts as what it is. One with a
    zone is of this link.
    """
    try:
        ip = _plain(ip_address(address))
    except ValueError:
        return False
    if "%" in address or _within(ip, _NEVER) or _tunnelled(ip):
        return False
    return private or (_unicast(ip) and not _within(ip, _SPECIAL))


def _plain(ip: Address) -> Address:
    if isinstance(ip, IPv6Address) and ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


def _within(ip: Address, networks: Networks) -> bool:
    return any(ip in network for network in networks)


def _tunnelled(ip: Address) -> bool:
    if isinstance(ip, IPv4Address):
        return False
    compatible = ip in _COMPATIBLE and ip != _LOOPBACK  # the unspecified one, too
    return compatible or (int(ip) >> 32) & 0xFFFF_FFFF & ~0x0200_0000 == _ISATAP


def _unicast(ip: Address) -> bool:
    return isinstance(ip, IPv4Address) or ip in _GLOBAL_UNICAST


def may_be_named(host: str, *, private: bool) -> bool:
    """Whether a host may be, as far as its name tells: most names that are no address may."""
    name = host.rstrip(".").lower()
    try:
        ip_address(name)
    except ValueError:
        return private or not (name == "localhost" or name.endswith(".localhost"))
    return allowed(name, private=private)
