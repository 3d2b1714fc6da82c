"""A certificate of this machine's own, made once and kept.

C2PA takes no certificate that signs itself, so there is an authority too. Its key is forgotten as
soon as it has signed: whoever copies the folder can sign files, and no other certificates.
"""

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from shutil import rmtree

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from common.base.durable import fsync
from common.media.credentials.certificate import CLAIM_SIGNING

FOLDER = "content_credentials"
CHAIN, KEY = "certificate.pem", "key.pem"
_DAYS = 3650
_CLOCKS_APART = timedelta(days=1)
"""A reader's clock may be behind ours."""


def kept(folder: Path) -> tuple[bytes, bytes]:
    """The chain and the key of ``folder``, in PEM; it is made where there is none.

    Services that share it may race: the first whole folder stays. Raises OSError.
    """
    with suppress(FileNotFoundError):
        return _read(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    trial = folder.with_name(f".{folder.name}.{token_hex(8)}")
    trial.mkdir(mode=0o700)
    try:
        for name, content in zip((CHAIN, KEY), _made(datetime.now(UTC)), strict=True):
            _write(trial / name, content)
        fsync(trial)
        with suppress(OSError):  # another service was first: a folder replaces none with files
            trial.rename(folder)
        fsync(folder.parent)
    finally:
        rmtree(trial, ignore_errors=True)
    return _read(folder)


def _read(folder: Path) -> tuple[bytes, bytes]:
    return (folder / CHAIN).read_bytes(), (folder / KEY).read_bytes()


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _made(now: datetime) -> tuple[bytes, bytes]:
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _name(f"VideosDGX authority {token_hex(4)}")
    root = (
        _begun(issuer, issuer, authority, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(authority, SHA256())
    )
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, CLAIM_SIGNING])
    leaf = (
        _begun(_name("VideosDGX, own certificate"), issuer, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(purposes, critical=False)
        .add_extension(issued_by, critical=False)
        .sign(authority, SHA256())
    )
    chain = b"".join(one.public_bytes(Encoding.PEM) for one in (leaf, root))
    return chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "VideosDGX"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_APART)
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(**which: bool) -> x509.KeyUsage:
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: which.get(name, False) for name in names})
