"""What may be called: the field, the address, the secret."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import HttpUrl, SecretStr

from common.errors import InvalidRequest
from common.settings import Settings, SettingsError
from common.webhooks.signing import open_signer
from common.webhooks.target import allowed, check_webhook
from tests.receivers import OTHER_SECRET, SECRET

PUBLIC = ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"]
PRIVATE = [
    *("10.0.0.1", "172.16.3.4", "192.168.1.1", "127.0.0.1", "127.9.9.9", "100.100.100.200"),
    *("::1", "fd00:ec2::254", "fc00::1", "fec0::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1"),
    *("2002:7f00:1::", "64:ff9b::7f00:1", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
]
NEVER = [
    *("169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1", "fe80::1%eth0"),
    *("0.0.0.0", "::", "224.0.0.1", "ff02::1", "168.63.129.16", "2002:a9fe:a9fe::", "what"),  # noqa: S104
]


def settings(**fields: object) -> Settings:
    return Settings(_env_file=None, webhooks_allowed=True, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_called(address: str):
    assert allowed(address, private=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_called_by_setting_only(address: str):
    assert not allowed(address, private=False)
    assert allowed(address, private=True)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_called(address: str):
    assert not allowed(address, private=True)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.org/", "https://"),
        ("https://me:secret@example.org/", "name or a password"),
        ("https://example.org:22/", "port 22"),
        ("https://127.0.0.1/", "not public"),
        ("https://2130706433/", "not public"),
        ("https://0x7f.1/", "not public"),
        ("https://[::ffff:127.0.0.1]/", "not public"),
    ],
)
def test_what_is_refused_names_the_field_and_the_way_out(url: str, words: str):
    with pytest.raises(InvalidRequest, match=words) as refused:
        check_webhook(HttpUrl(url), settings())
    assert refused.value.body.param == "webhook_url"
    assert refused.value.body.hint


def test_what_is_taken():
    check_webhook(None, Settings(_env_file=None))  # type: ignore[call-arg]
    check_webhook(HttpUrl("https://example.org/hook?a=b"), settings())
    check_webhook(HttpUrl("https://10.0.0.1:8443/"), settings(webhook_allow_private=True))
    anything = settings(webhook_allow_http=True, webhook_ports="any")
    check_webhook(HttpUrl("http://example.org:1234/"), anything)


def test_off_unless_allowed():
    with pytest.raises(InvalidRequest, match="calls nobody"):
        check_webhook(HttpUrl("https://example.org/"), Settings(_env_file=None))  # type: ignore[call-arg]


def test_no_signer_where_webhooks_are_off():
    assert open_signer(Settings(_env_file=None)) is None  # type: ignore[call-arg]


BAD: Sequence[str] = ["", "   ", SECRET.removeprefix("whsec_"), "whsec_%%%", "whsec_c2hvcnQ="]


@pytest.mark.parametrize("secret", BAD)
def test_a_bad_secret_is_named_and_not_shown(secret: str):
    with pytest.raises(SettingsError, match="WEBHOOK_SECRET") as refused:
        open_signer(settings(webhook_secret=SecretStr(secret)))
    assert not secret.strip() or secret not in str(refused.value.body)


def test_the_secret_may_be_in_a_file(tmp_path: Path):
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n{OTHER_SECRET}\n")
    signer = open_signer(settings(webhook_secret_file=file))
    assert signer is not None
    assert len(signer.secrets) == 2
    with pytest.raises(SettingsError, match="WEBHOOK_SECRET_FILE"):
        open_signer(settings(webhook_secret_file=tmp_path / "absent"))


def test_secrets_do_not_show_in_the_settings():
    assert SECRET not in repr(settings(webhook_secret=SecretStr(SECRET)))
