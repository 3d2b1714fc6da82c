"""Sets authentication up as the settings say."""

import ipaddress
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from common.api.auth.authenticator import Authenticator
from common.api.auth.caller import Caller
from common.api.auth.key_file import KeyFile
from common.api.auth.keys import parse_keys
from common.api.auth.sessions import Sessions
from common.api.auth.statements import Statements, statements_of
from common.base.settings import Settings, SettingsError

DAY_SECONDS = 86_400


def open_authenticator(settings: Settings) -> Authenticator:
    """Keys from a file and from the environment, and tokens.

    Raises:
        SettingsError: a key file is damaged, or the settings of tokens do not fit together.
    """
    lines = settings.api_keys.get_secret_value() if settings.api_keys else ""
    fixed = parse_keys(lines.replace(";", "\n").splitlines(), "API_KEYS")
    file = KeyFile(settings.api_keys_file).ring if settings.api_keys_file else None
    sessions = Sessions(settings.state_dir / "session_secret", settings.session_days * DAY_SECONDS)
    rings = (lambda: fixed, *((file,) if file else ()))
    return Authenticator(rings, sessions, _token_caller(settings))


def open_statements(settings: Settings, service: str) -> Statements | None:
    """What other services say, and are told; None without a secret.

    Raises:
        SettingsError: the secret is too short, or its file cannot be read.
    """
    secret = _secret(settings, "stack_secret")
    if not secret:
        return None
    return statements_of(secret, service)


def check_exposure(settings: Settings, authenticator: Authenticator) -> None:
    """Refuse to listen where strangers could ask without a key.

    Raises:
        SettingsError: HOST is no loopback address, and there are no keys.
    """
    guarded = authenticator.required or settings.allow_unauthenticated
    if not guarded and not is_loopback(settings.host):
        raise SettingsError(
            f"HOST: {settings.host} can be reached from outside, and there are no keys.",
            param="HOST",
            hint="Set API_KEYS_FILE (python -m scripts.make_key NAME), or listen on 127.0.0.1; or,"
            " where something else keeps strangers out, ALLOW_UNAUTHENTICATED=1.",
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; a name other than localhost may be anything."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _token_caller(settings: Settings) -> "partial[Caller] | None":
    secret, public_key = _secret(settings, "jwt_secret"), _content(settings, "jwt_public_key_file")
    if not secret and not public_key:
        return None
    if secret and public_key:
        raise SettingsError(
            "JWT_SECRET and JWT_PUBLIC_KEY_FILE: there are both, and one algorithm is taken.",
            param="JWT_PUBLIC_KEY_FILE",
            hint="Leave one of them empty.",
        )
    if not settings.jwt_issuer:
        raise SettingsError(
            "JWT_ISSUER: it is empty, and tokens are taken.",
            param="JWT_ISSUER",
            hint="Set it to the claim iss of your tokens.",
        )
    # Here: PyJWT is large, and most services take no tokens.
    from common.api.auth import tokens

    names = (settings.jwt_audience, settings.jwt_issuer)
    rules = tokens.hs256(secret, *names) if secret else tokens.rs256(public_key, *names)
    return partial(rules.caller)


def _secret(settings: Settings, setting: str) -> bytes:
    said: SecretStr | None = getattr(settings, setting)
    return said.get_secret_value().encode() if said else _content(settings, f"{setting}_file")


def _content(settings: Settings, setting: str) -> bytes:
    """What is in the file of a setting; an empty one is as good as none."""
    path: Path | None = getattr(settings, setting)
    try:
        return path.read_bytes().strip() if path else b""
    except OSError as exc:
        name = setting.upper()
        raise SettingsError(
            f"{name}: {path} cannot be read.", param=name, hint="See docs/operations.md, Security."
        ) from exc
