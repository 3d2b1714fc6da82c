"""What may be called: the field, the address, the secret."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
from pydantic import HttpUrl, SecretStr

from common.base.errors import InvalidRequest
from common.base.network.public import allowed
from common.base.settings import Settings, SettingsError
from common.jobs.webhooks.signing import open_signer
from common.jobs.webhooks.target import check_webhook
from tests.receivers import OTHER_SECRET, SECRET

PUBLIC = [
    *("93.184.216.34", "1.1.1.1", "223.255.255.254", "2606:2800:220:1::1", "2a00::1", "3ffe::1"),
    *("::ffff:93.184.216.34", "64:ff9b::5db8:d822"),
]
PRIVATE = [
    *("10.0.0.1", "172.16.3.4", "192.168.1.1", "127.0.0.1", "127.9.9.9", "100.64.0.1"),
    *("::1", "fc00::1", "fd12::1", "fec0::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a00:1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "240.0.0.1"),
    *("192.0.0.8", "192.88.99.1", "203.0.113.1", "2001:db8::1", "2001:20::1", "3fff::1", "4000::1"),
    *("100::1", "5f00::1", "8000::1"),
]
METADATA = [
    *("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
    *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42"),
]
"""Of AWS, Azure, Alibaba, Oracle, Google and Scaleway."""
EMBEDDING = [
    *("::ffff:{0}", "::{0}", "::ffff:0:{0}", "64:ff9b::{0}", "64:ff9b:1::{0}"),
    *(
        "2002:{1}::1",
        "2001:0:{1}::1",
        "2001:0:102:304::{2}",
        "2a00::5efe:{0}",
        "2a00::200:5efe:{0}",
    ),
    *("64:ff9b:1:{3}00::", "fe80::5efe:{0}"),
]
"""Mapped, compatible, translated, NAT64 (two), 6to4, Teredo (server, client), ISATAP (two), NAT64
of a network's own with a longer prefix, ISATAP on a link."""
NEVER = [
    *("fe80::1", "fe80::1%eth0", "2606:2800:220:1::1%eth0", "169.254.0.1", "255.255.255.255"),
    *("0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1", "what", "", "1.2.3", "0x7f.0.0.1"),  # noqa: S104
]


def embedded(form: str, ipv4: str) -> str:
    """An IPv6 address in which an IPv4 one is hidden."""
    octets = [int(part) for part in ipv4.split(".")]
    words = [f"{octets[0]:02x}{octets[1]:02x}", f"{octets[2]:02x}{octets[3]:02x}"]
    turned = ":".join(f"{int(word, 16) ^ 0xFFFF:x}" for word in words)
    return form.format(ipv4, ":".join(words), turned, f"{words[0]}:{octets[2]:02x}")


@pytest.mark.parametrize("form", EMBEDDING)
@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.100.100.200"])
def test_no_form_hides_an_ipv4_address(form: str, inside: str):
    """Old tunnels and translators that carry an address of the inside."""
    address = embedded(form, inside)
    assert ip_address(address)
    assert not allowed(address, private=False), address
    if inside in METADATA:
        assert not allowed(address, private=True), address


def settings(**fields: object) -> Settings:
    return Settings(_env_file=None, webhooks_allowed=True, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_called(address: str):
    assert allowed(address, private=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_called_by_setting_only(address: str):
    assert not allowed(address, private=False)
    assert allowed(address, private=True)


@pytest.mark.parametrize("address", [*NEVER, *METADATA])
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
        ("https://0177.0.0.1/", "not public"),
        ("https://127.0.0.1./", "not public"),
        ("https://\uff11\uff12\uff17.1/", "not public"),
        ("https://%31%32%37.0.0.1/", "not public"),
        ("https://[::ffff:127.0.0.1]/", "not public"),
        ("https://[::127.0.0.1]/", "not public"),
        ("https://[64:ff9b:1::a00:1]/", "not public"),
        ("https://localhost/", "not public"),
        ("https://LOCALHOST./", "not public"),
        ("https://a.localhost/", "not public"),
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
