"""Which addresses a client may have called."""

from pydantic import HttpUrl

from common.base.errors import Unresolvable
from common.base.network.public import may_be_named
from common.base.network.urls import host_of
from common.base.settings.webhooks import WebhookSettings


def check_webhook(url: HttpUrl | None, settings: WebhookSettings) -> None:
    """Whether this service may be asked to call ``url``.

    What a name resolves to is checked when it is called, by ``common.base.network.guarded``.

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
    if not may_be_named(host_of(url), private=settings.webhook_allow_private):
        raise _refused(
            "its address is not public", "WEBHOOK_ALLOW_PRIVATE=1 takes private ones too."
        )


def _refused(why: str, hint: str) -> Unresolvable:
    return Unresolvable(f"webhook_url: {why}.", param="webhook_url", hint=hint)
