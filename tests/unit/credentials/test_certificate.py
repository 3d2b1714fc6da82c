"""Certificates of content credentials: each that cannot sign is refused at the start, in words."""

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from common.base.settings import Settings, SettingsError
from common.media.credentials import own
from common.media.credentials.certificate import certificate_of, check_dates
from common.media.credentials.opening import check_credentials, open_credentials
from common.media.credentials.signing import Credentials
from tests.unit.credentials.papers import (
    AUTHORITY,
    DAY,
    KEYS,
    WEB,
    Paper,
    issue,
    pem_of,
)

LEAF = issue("leaf", AUTHORITY)
CHAIN = LEAF.pem + AUTHORITY.pem
MIDDLE = issue("another authority")


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0)  # the worst: modes must not rest on it
    yield
    os.umask(before)


def settings(folder: Path, **changes: Any) -> Settings:
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        state_dir=folder / "state",
        content_credentials=True,
        **changes,
    )


def given(folder: Path, chain: bytes, key: bytes) -> Settings:
    (folder / "chain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(key)
    return settings(
        folder,
        content_credentials_certificate=folder / "chain.pem",
        content_credentials_key=folder / "key.pem",
    )


@pytest.mark.parametrize("key", ["es256", "es384", "ps256", "ed25519"])
def test_what_c2pa_takes(key: str):
    leaf = issue("leaf", AUTHORITY, key=key)
    certificate = certificate_of(leaf.pem + AUTHORITY.pem, leaf.key_pem)
    assert certificate.algorithm == key
    assert certificate.ends == AUTHORITY.certificate.not_valid_after_utc
    assert "PRIVATE" not in repr(certificate)
    Credentials(certificate).rehearse()


@pytest.mark.parametrize(
    ("chain", "key", "words"),
    [
        (b"nothing", LEAF.key_pem, "CERTIFICATE: there is no certificate in PEM"),
        (CHAIN, b"nothing", "KEY: there is no private key in PEM"),
        (CHAIN, LEAF.pem, "KEY: there is no private key in PEM"),
        (CHAIN, pem_of(LEAF.key, b"walrus"), "KEY: it has a password"),
        (CHAIN, pem_of(KEYS["ps256"]), "KEY: it is not the key of the certificate"),
        (CHAIN, pem_of(KEYS["bitcoin"]), "KEY: C2PA does not take this kind of key"),
        (CHAIN, pem_of(KEYS["dsa"]), "KEY: C2PA does not take this kind of key"),
        (AUTHORITY.pem + LEAF.pem, LEAF.key_pem, "CERTIFICATE: its first certificate is not"),
        (CHAIN, AUTHORITY.key_pem, "CERTIFICATE: its first certificate is not"),
        (LEAF.pem + MIDDLE.pem, LEAF.key_pem, "CERTIFICATE: its certificates are in the wrong"),
        (AUTHORITY.pem, AUTHORITY.key_pem, "CERTIFICATE: it is its own issuer"),
    ],
)
def test_what_it_does_not_take(chain: bytes, key: bytes, words: str):
    with pytest.raises(SettingsError, match=f"^CONTENT_CREDENTIALS_{words}") as refused:
        certificate_of(chain, key)
    assert refused.value.body.param
    assert refused.value.body.hint
    assert "walrus" not in str(refused.value)


@pytest.mark.parametrize("purpose", [WEB, None])
def test_a_certificate_of_a_web_site_signs_no_files(purpose: Any):
    leaf = issue("site", AUTHORITY, purpose=purpose)
    with pytest.raises(SettingsError, match="extended key usage"):
        certificate_of(leaf.pem + AUTHORITY.pem, leaf.key_pem)


def test_dates(tmp_path: Path):
    now = datetime.now(UTC)
    ended = issue("leaf", AUTHORITY, age=3 * DAY, left=-DAY)
    with pytest.raises(SettingsError, match=f"it expired on {now - DAY:%Y-%m-%d}"):
        check_credentials(given(tmp_path, ended.pem + AUTHORITY.pem, ended.key_pem))
    certificate = certificate_of(CHAIN, LEAF.key_pem)
    with pytest.raises(SettingsError, match="it is not valid before"):
        check_dates(certificate, now - timedelta(days=2))
    check_dates(certificate, now)


def test_what_only_the_library_minds_is_known_at_the_start(tmp_path: Path):
    """An authority's certificate signs no files, whatever else is right about it."""
    odd = _authority_for_mail()
    with pytest.raises(SettingsError, match="CERTIFICATE: nothing can be signed with it"):
        check_credentials(given(tmp_path, odd.pem + AUTHORITY.pem, odd.key_pem))


def _authority_for_mail() -> Paper:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    leaf = issue("leaf", AUTHORITY)
    builder = x509.CertificateBuilder(
        issuer_name=AUTHORITY.certificate.subject,
        subject_name=leaf.certificate.subject,
        public_key=leaf.key.public_key(),
        serial_number=1,
        not_valid_before=leaf.certificate.not_valid_before_utc,
        not_valid_after=leaf.certificate.not_valid_after_utc,
        extensions=[
            one for one in leaf.certificate.extensions if one.oid != x509.BasicConstraints.oid
        ],
    ).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return Paper(builder.sign(AUTHORITY.key, SHA256()), leaf.key)


def test_a_good_one_passes_and_nothing_is_made(tmp_path: Path):
    check_credentials(given(tmp_path, CHAIN, LEAF.key_pem))
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("missing", ["certificate", "key"])
def test_a_file_that_is_not_there(tmp_path: Path, missing: str):
    name = f"content_credentials_{missing}"
    with pytest.raises(SettingsError, match=f"{name.upper()}: .*absent cannot be read"):
        open_credentials(settings(tmp_path, **{name: tmp_path / "absent"}))


def test_one_file_without_the_other(tmp_path: Path):
    with pytest.raises(SettingsError, match="CONTENT_CREDENTIALS_KEY: it is empty"):
        open_credentials(given(tmp_path, CHAIN, b""))
    with pytest.raises(SettingsError, match="CONTENT_CREDENTIALS_CERTIFICATE: it is empty"):
        open_credentials(given(tmp_path, b"\n", LEAF.key_pem))


def test_off_reads_nothing(tmp_path: Path):
    off = settings(tmp_path, content_credentials_key=tmp_path / "absent")
    assert open_credentials(off.model_copy(update={"content_credentials": False})) is None


@pytest.mark.usefixtures("umask")
def test_one_is_made_once_by_however_many_services(tmp_path: Path):
    folder = tmp_path / "state" / own.FOLDER
    with ThreadPoolExecutor(4) as services:
        found = set(services.map(own.kept, [folder] * 4))
    assert found == {own.kept(folder)}
    assert sorted(path.name for path in tmp_path.joinpath("state").iterdir()) == [folder.name]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes == {folder.name: 0o700, own.CHAIN: 0o600, own.KEY: 0o600}
    empty = given(tmp_path, b"", b"")  # as compose mounts secrets that nobody has set
    check_credentials(empty)
    credentials = open_credentials(empty)
    assert credentials is not None
    assert credentials.certificate == certificate_of(*own.kept(folder))


def test_a_broken_one_is_not_replaced_in_silence(tmp_path: Path):
    folder = tmp_path / "state" / own.FOLDER
    own.kept(folder)
    (folder / own.KEY).unlink()
    with pytest.raises(SettingsError, match="cannot be made or read") as refused:
        open_credentials(settings(tmp_path))
    assert "remove that folder" in str(refused.value.body.hint)
    assert [path.name for path in (tmp_path / "state").iterdir()] == [folder.name]
