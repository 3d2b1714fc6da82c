"""Which host a request is meant for, and for which site a browser sends it."""

import re
from urllib.parse import urlsplit

from fastapi import Request

from common.api.auth.authenticator import Credentials
from common.base.errors.access import CrossOrigin, InvalidHost

HEALTH = "/health"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def path_of(request: Request) -> str:
    """What the router goes by, too.

    ``request.url`` is put together with the Host header, which may lie: where that is not looked at
    closely, the host ``x/health?`` makes every path seem to be ``/health``.
    """
    path: str = request.scope["path"]
    return path


def check_host(request: Request, hosts: frozenset[str]) -> None:
    """Against DNS rebinding: a page's own name, made to point here, is no name of ours.

    ``/health`` says nothing that is worth it, and is asked by probes that know an address only.

    Raises:
        InvalidHost: the Host header names another host.
    """
    said = request.headers.get("host", "").lower()
    name = re.sub(r":\d*$", "", said)
    if name not in hosts and "*" not in hosts and path_of(request) != HEALTH:
        raise InvalidHost(
            "The Host header names no host of this service.",
            hint="If you run it, add the name that you call it by to ALLOWED_HOSTS.",
        )


def check_origin(request: Request, credentials: Credentials, origins: frozenset[str]) -> None:
    """A page of another site may not change things with what the browser adds by itself.

    Browsers name the site in Sec-Fetch-Site (on HTTPS and localhost) and in Origin. Who names none
    is no browser, which is fine as long as no cookie comes along.

    Raises:
        CrossOrigin: it is another site, or with a cookie may be one.
    """
    if request.method in _SAFE or not credentials.ambient:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if credentials.cookie is None and (not (site or origin) or (origin or "").lower() in origins):
        return
    place = _place(origin)
    own = bool(place) and place == request.headers.get("host")
    if not (site in ("same-origin", "none") if site else own):
        raise CrossOrigin(
            "A page of another site may not do this.",
            hint="Send a key in a header. CORS_ORIGINS names sites that may ask.",
        )


def _place(origin: str | None) -> str:
    """Host and port of an origin; empty where it is none, as in ``null`` or ``http://[::``."""
    try:
        return urlsplit(origin or "").netloc
    except ValueError:
        return ""
