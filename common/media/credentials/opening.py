"""Sets content credentials up as the settings say."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from common.base.logs import get_logger
from common.base.settings import Settings, SettingsError

if TYPE_CHECKING:
    from common.media.credentials.signing import Credentials

log = get_logger("api")

_CERTIFICATE, _KEY = "content_credentials_certificate", "content_credentials_key"
_SOON = timedelta(days=30)


def open_credentials(settings: Settings) -> "Credentials | None":
    """What files are signed with; None where they are not.

    Without a certificate in the settings that of the state folder is taken, and made if need be.

    Raises:
        SettingsError: a file is missing, or is not what C2PA takes. Dates are not looked at.
    """
    if not settings.content_credentials:
        return None
    # Here: cryptography is large, and most services sign nothing.
    from common.media.credentials.certificate import certificate_of
    from common.media.credentials.signing import Credentials

    certificate = certificate_of(*_pair(settings))
    return Credentials(certificate, settings.content_credentials_prompt)


def check_credentials(settings: Settings) -> None:
    """See at the start of a service that files can be signed, since the first takes hours.

    Raises:
        SettingsError: they cannot; it names the setting.
    """
    credentials = open_credentials(settings)
    if credentials is None:
        return
    from common.media.credentials.certificate import check_dates

    now = datetime.now(UTC)
    check_dates(credentials.certificate, now)
    credentials.rehearse()
    if credentials.certificate.ends - now < _SOON:
        log.warning(
            "the certificate of the content credentials expires on %s",
            f"{credentials.certificate.ends:%Y-%m-%d}",
        )


def _pair(settings: Settings) -> tuple[bytes, bytes]:
    """The chain and the key, in PEM."""
    chain, key = _content(settings, _CERTIFICATE), _content(settings, _KEY)
    if chain and key:
        return chain, key
    if chain or key:
        missing, there = (_KEY, _CERTIFICATE) if chain else (_CERTIFICATE, _KEY)
        raise SettingsError(
            f"{missing.upper()}: it is empty, and {there.upper()} is not.",
            param=missing.upper(),
            hint="Set both, or leave both empty: then a certificate is made.",
        )
    from common.media.credentials import own

    folder = settings.state_dir / own.FOLDER
    try:
        return own.kept(folder)
    except OSError as exc:
        raise SettingsError(
            f"CONTENT_CREDENTIALS: the certificate in {folder} cannot be made or read.",
            param="CONTENT_CREDENTIALS",
            hint="Let the service's user write to STATE_DIR; remove that folder if it is broken.",
        ) from exc


def _content(settings: Settings, setting: str) -> bytes:
    """What is in the file of a setting; an empty one is as good as none."""
    path: Path | None = getattr(settings, setting)
    try:
        return path.read_bytes().strip() if path else b""
    except OSError as exc:
        name = setting.upper()
        raise SettingsError(
            f"{name}: {path} cannot be read.", param=name, hint="See docs/content-credentials.md."
        ) from exc
