"""The certificate that signs, as C2PA wants it: C2PA 2.3, sections 13.2 and 14.5.

Imported only where credentials are on: cryptography takes some ten megabytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from common.base.settings import SettingsError

CERTIFICATE = "CONTENT_CREDENTIALS_CERTIFICATE"
KEY = "CONTENT_CREDENTIALS_KEY"

CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
"""c2pa-kp-claimSigning, of C2PA itself."""
_DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
_MICROSOFTS = x509.ObjectIdentifier("1.3.6.1.4.1.311.76.59.1.9")
_MAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
_PURPOSES = frozenset({CLAIM_SIGNING, _DOCUMENT_SIGNING, _MICROSOFTS, _MAIL})
"""As contentauth/c2pa-rs has them: ``src/crypto/cose/valid_eku_oids.cfg``."""
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_MIN_RSA_BITS = 2048
_SEE = "See docs/content-credentials.md."


@dataclass(frozen=True)
class Certificate:
    """What files are signed with. ``algorithm`` is C2PA's name of it."""

    chain: str
    """PEM, that of the key first."""
    key: str = field(repr=False)
    """PEM, PKCS 8."""
    algorithm: str
    begins: datetime
    ends: datetime
    """When all of the chain are valid."""


def certificate_of(chain: bytes, key: bytes) -> Certificate:
    """Check a chain of PEM certificates and the private key of its first; dates are not looked at.

    Raises:
        SettingsError: saying which rule they break.
    """
    private, certificates = _private_key(key), _certificates(chain)
    algorithm = _algorithm(private)
    _check_order(certificates, private)
    _check_purpose(certificates[0])
    return Certificate(
        chain="".join(one.public_bytes(Encoding.PEM).decode() for one in certificates),
        key=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        algorithm=algorithm,
        begins=max(one.not_valid_before_utc for one in certificates),
        ends=min(one.not_valid_after_utc for one in certificates),
    )


def check_dates(certificate: Certificate, now: datetime) -> None:
    """Raises SettingsError: it is not valid at ``now``, with the date."""
    if now > certificate.ends:
        raise _bad(CERTIFICATE, f"it expired on {_day(certificate.ends)}", "Have it renewed.")
    if now < certificate.begins:
        day = _day(certificate.begins)
        raise _bad(CERTIFICATE, f"it is not valid before {day}", "Is this machine's clock right?")


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d, %H:%M UTC")


def _certificates(chain: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(chain)
    except ValueError as exc:
        hint = "It begins with -----BEGIN CERTIFICATE-----."
        raise _bad(CERTIFICATE, "there is no certificate in PEM in it", hint) from exc


def _private_key(key: bytes) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(key, password=None)
    except TypeError as exc:
        hint = "`openssl pkey -in locked.pem -out key.pem` writes it without."
        raise _bad(KEY, "it has a password, and nobody is there to type it", hint) from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        hint = "It begins with -----BEGIN PRIVATE KEY-----."
        raise _bad(KEY, "there is no private key in PEM in it", hint) from exc


def _algorithm(key: PrivateKeyTypes) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS:
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    kinds = "EC keys on P-256, P-384 or P-521, RSA keys of 2048 bits or more, and Ed25519"
    raise _bad(KEY, "C2PA does not take this kind of key", f"It takes {kinds}.")


def _check_order(certificates: Sequence[x509.Certificate], key: PrivateKeyTypes) -> None:
    matches = [one.public_key() == key.public_key() for one in certificates]
    hint = "First the certificate of the key, then that of its issuer, then the next one's."
    if not any(matches):
        raise _bad(KEY, f"it is not the key of the certificate in {CERTIFICATE}", _SEE)
    if not matches[0]:
        raise _bad(CERTIFICATE, "its first certificate is not that of the key", hint)
    for one, issuer in pairwise(certificates):
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as exc:
            why = "its certificates are in the wrong order, or one is missing between them"
            raise _bad(CERTIFICATE, why, hint) from exc


def _check_purpose(leaf: x509.Certificate) -> None:
    if leaf.issuer == leaf.subject:
        hint = "Leave both settings empty, and an authority is made that signs one."
        raise _bad(CERTIFICATE, "it is its own issuer, which C2PA does not take", hint)
    try:
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        purposes = x509.ExtendedKeyUsage([])
    if _PURPOSES.isdisjoint(purposes):
        why = "it is not for signing content (extended key usage)"
        hint = "It must allow emailProtection, document signing or C2PA's claim signing."
        raise _bad(CERTIFICATE, why, hint)


def _bad(setting: str, why: str, hint: str) -> SettingsError:
    return SettingsError(f"{setting}: {why}.", param=setting, hint=hint)
