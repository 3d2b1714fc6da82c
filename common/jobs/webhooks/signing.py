"""Signatures by the Standard Webhooks specification (https://www.standardwebhooks.com)."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from standardwebhooks import Webhook

from common.base.settings import Settings, SettingsError

_PREFIX = "whsec_"
_BYTES = range(24, 65)
"""How long a secret's bytes are, by the specification."""


@dataclass(frozen=True)
class Signer:
    """Signs with every secret, so that receivers can change from one to the next."""

    secrets: Sequence[Webhook]

    def headers(self, message_id: str, at: float, body: str) -> dict[bytes | str, bytes | str]:
        """The headers of one attempt, made at ``at`` (seconds since the epoch)."""
        moment = datetime.fromtimestamp(int(at), UTC)
        signatures = [secret.sign(message_id, moment, body) for secret in self.secrets]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at)),
            "webhook-signature": " ".join(signatures),
        }


def open_signer(settings: Settings) -> Signer | None:
    """The signer that the settings name; None where webhooks are off.

    Raises:
        SettingsError: webhooks are allowed, and there is no secret or no good one.
    """
    if not settings.webhooks_allowed:
        return None
    secrets = _text(settings).split()
    if not secrets:
        raise _bad("webhooks are allowed and there is no secret to sign them with")
    return Signer([_opened(secret) for secret in secrets])


def _text(settings: Settings) -> str:
    if settings.webhook_secret is not None:
        return settings.webhook_secret.get_secret_value()
    if settings.webhook_secret_file is None:
        return ""
    try:
        return settings.webhook_secret_file.read_text()
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(
            "WEBHOOK_SECRET_FILE: the file cannot be read.",
            param="WEBHOOK_SECRET_FILE",
            hint="It must be a text file that this process may read.",
        ) from exc


def _opened(secret: str) -> Webhook:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _bad("it is not base64") from exc
    if not secret.startswith(_PREFIX) or len(key) not in _BYTES:
        raise _bad(f"it must be {_PREFIX} and base64 of {_BYTES[0]} to {_BYTES[-1]} bytes")
    return Webhook(secret)


def _bad(why: str) -> SettingsError:
    return SettingsError(
        f"WEBHOOK_SECRET: {why}.",
        param="WEBHOOK_SECRET",
        hint='Make one: echo "whsec_$(head -c 32 /dev/urandom | base64)"',
    )
