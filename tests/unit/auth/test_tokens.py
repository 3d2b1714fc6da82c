"""Tokens and cookies: forged, expired, of others, and of an algorithm that nobody asked for."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from common.api.auth.caller import Scope
from common.api.auth.ended_sessions import KEPT_OF_A_KEY, EndedSessions
from common.api.auth.keys import Entry, KeyRing, line_for, new_key, parse_keys
from common.api.auth.opening import check_exposure, is_loopback, open_authenticator
from common.api.auth.sessions import Sessions, secret_in
from common.api.auth.tokens import LEEWAY_SECONDS, TokenRules, hs256, rs256
from common.base.errors.access import Forbidden, TokenExpired, Unauthenticated
from common.base.settings import Settings, SettingsError

SECRET = b"a secret that is long enough for HS256"
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PRIVATE_PEM = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
RULES = {"HS256": hs256(SECRET, "here", "us"), "RS256": rs256(PUBLIC_PEM, "here", "us")}
KEYS: dict[str, Any] = {"HS256": SECRET, "RS256": PRIVATE}


def claims(**changes: Any) -> dict[str, Any]:
    good = {"sub": "ana", "aud": "here", "iss": "us", "exp": time.time() + 60, "scope": "user"}
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(algorithm: str, **changes: Any) -> str:
    return jwt.encode(claims(**changes), KEYS[algorithm], algorithm=algorithm)


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@pytest.fixture(params=["HS256", "RS256"])
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rules(algorithm: str) -> TokenRules:
    return RULES[algorithm]


@pytest.mark.parametrize(
    ("scope", "admin"),
    [("user", False), ("mail user", False), ("user admin", True), (["admin"], True)],
)
def test_a_good_token_names_its_owner(rules: TokenRules, algorithm: str, scope: Any, admin: bool):
    caller = rules.caller(token(algorithm, scope=scope))
    assert (caller.name, caller.admin, Scope.USER in caller.scopes) == ("ana", admin, True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"aud": "there"}, "another audience"),
        ({"iss": "them"}, "another issuer"),
        ({"exp": None}, "must all be in it"),
        ({"sub": None}, "must all be in it"),
        ({"aud": None}, "must all be in it"),
        ({"nbf": time.time() + 3600}, "not valid yet"),
        ({"sub": ""}, "no name"),
        ({"sub": " "}, "no name"),
        ({"sub": "a" * 65}, "no name"),
        ({"sub": "a\x00b"}, "no name"),
    ],
)
def test_a_token_that_is_refused_says_why(
    rules: TokenRules, algorithm: str, changes: dict[str, Any], words: str
):
    with pytest.raises(Unauthenticated, match=words) as caught:
        rules.caller(token(algorithm, **changes))
    assert "invalid_token" in caught.value.headers["WWW-Authenticate"]


def test_expiry_allows_for_clocks_that_differ_a_little(rules: TokenRules, algorithm: str):
    rules.caller(token(algorithm, exp=time.time() - LEEWAY_SECONDS / 2))
    with pytest.raises(TokenExpired):
        rules.caller(token(algorithm, exp=time.time() - LEEWAY_SECONDS - 1))


def test_no_scope_no_entry(rules: TokenRules, algorithm: str):
    for scope in (None, "", "superuser", 7, []):
        with pytest.raises(Forbidden):
            rules.caller(token(algorithm, scope=scope))


def test_the_token_does_not_choose_the_algorithm(rules: TokenRules, algorithm: str):
    unsigned = f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims())}."
    other = token("RS256" if algorithm == "HS256" else "HS256")
    longer = jwt.encode(claims(), SECRET + SECRET, algorithm="HS512")
    for forged in (unsigned, other, longer):
        with pytest.raises(Unauthenticated):
            rules.caller(forged)


def test_a_public_key_is_no_secret():
    """The classic confusion: a token signed by HS256, with the public key as its secret."""
    import hashlib
    import hmac

    text = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims())}"
    mac = hmac.new(PUBLIC_PEM, text.encode(), hashlib.sha256).digest()
    forged = f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    with pytest.raises(Unauthenticated, match="another algorithm"):
        RULES["RS256"].caller(forged)


@pytest.mark.parametrize("text", ["", "..", "a.b.c", "ä.ö.ü", "e30.e30.e30", "x" * 10_000])
def test_what_is_no_token(rules: TokenRules, text: str):
    with pytest.raises(Unauthenticated):
        rules.caller(text)


def test_a_changed_token_is_noticed(rules: TokenRules, algorithm: str):
    head, _, mac = token(algorithm).split(".")
    with pytest.raises(Unauthenticated, match="signature"):
        rules.caller(f"{head}.{part(claims(scope='admin'))}.{mac}")


def test_keys_that_cannot_be_right_stop_the_start():
    with pytest.raises(SettingsError, match="JWT_SECRET"):
        hs256(b"short", "here", "us")
    with pytest.raises(SettingsError, match="no public key"):
        rs256(b"nonsense", "here", "us")
    with pytest.raises(SettingsError, match="private key"):
        rs256(PRIVATE_PEM, "here", "us")


# Cookies


@pytest.fixture
def entry() -> Entry:
    return parse_keys([line_for("ana", Scope.USER, new_key())], "here").entries[0]


def test_a_cookie_stands_for_its_key_until_it_expires(tmp_path: Path, entry: Entry):
    now = [1000.0]
    sessions = Sessions(tmp_path / "secret", 60, lambda: now[0])
    cookie = sessions.issue(entry)
    assert entry.digest not in cookie
    assert sessions.entry(cookie, KeyRing((entry,))) == entry
    assert sessions.entry(cookie, KeyRing()) is None, "its key was removed"
    now[0] += 60
    assert sessions.entry(cookie, KeyRing((entry,))) is None


def test_a_cookie_cannot_be_made_up(tmp_path: Path, entry: Entry):
    ring, sessions = KeyRing((entry,)), Sessions(tmp_path / "secret", 60)
    key_id, expires, nonce, mac = sessions.issue(entry).split(".")
    forged = (
        f"{key_id}.{int(expires) + 1}.{nonce}.{mac}",
        f"{key_id}.0{expires}.{nonce}.{mac}",
        f"{key_id}.{expires}.{nonce[:-1]}.{mac}",
        f"{key_id}.{expires}.{nonce}.{mac[:-1]}",
        f"{key_id}.{expires}.{nonce}.{mac.upper()}",
        f"{key_id}.{expires}.{nonce}.",
        f"{key_id}.{expires}.{mac}",
        f"{key_id}.-1.{nonce}.{mac}",
        f"{key_id}.\u0661.{nonce}.{mac}",
        f"{'0' * 16}.{expires}.{nonce}.{mac}",
        Sessions(tmp_path / "another", 60).issue(entry),
        "",
        "...",
        "ä.1.2.ö",
    )
    assert [cookie for cookie in forged if sessions.entry(cookie, ring)] == []


def test_a_cookie_that_was_given_back_is_dead_for_all_who_share_the_secret(
    tmp_path: Path, entry: Entry
):
    """A copy of a cookie, a neighbour's memory of the list, a list that was damaged or grew."""
    now, ring = [1000.0], KeyRing((entry,))
    here, there = (Sessions(tmp_path / "secret", 60, lambda: now[0]) for _ in range(2))
    cookie, other = here.issue(entry), here.issue(entry)
    assert cookie != other
    assert there.entry(cookie, ring) == entry
    here.end(cookie, ring)
    for sessions in (here, there, Sessions(tmp_path / "secret", 60, lambda: now[0])):
        assert sessions.entry(cookie, ring) is None
        assert sessions.entry(other, ring) == entry
    here.end("no.1.cookie.ours", ring)
    assert len(here.ended.path.read_text().splitlines()) == 1
    assert cookie not in here.ended.path.read_text()
    here.ended.path.write_text(f"what\nx y z\n{here.ended.path.read_text()}")
    there.end(other, ring)
    assert [here.entry(one, ring) for one in (cookie, other)] == [None, None]
    now[0] += 61
    there.end(there.issue(entry), ring)
    assert len(here.ended.path.read_text().splitlines()) == 1, "expired ones are forgotten"


def test_one_key_cannot_fill_the_list(tmp_path: Path, entry: Entry):
    """Signing in and out for ever: the list keeps so many of a key, and all of the others'."""
    ended = EndedSessions(tmp_path / "ended")
    ended.add("another", 2000, "a cookie", 1.0)
    lines = "".join(
        f"{entry.id} {number} {'0' * 64}\n" for number in range(1500, 1500 + KEPT_OF_A_KEY)
    )
    ended.path.write_text(ended.path.read_text() + lines)
    ended.add(entry.id, 9000, "the last", 1.0)
    assert len(ended.path.read_text().splitlines()) == KEPT_OF_A_KEY + 1
    assert "a cookie" in ended
    assert "the last" in ended


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path):
    path = tmp_path / "state" / "secret"
    secret = secret_in(path)
    assert (len(secret), secret_in(path)) == (32, secret)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


# Settings


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    return {"_env_file": None, "state_dir": tmp_path}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"jwt_secret": SECRET.decode()}, "JWT_ISSUER"),
        ({"jwt_secret": "short", "jwt_issuer": "us"}, "JWT_SECRET"),
        ({"jwt_secret_file": "/nowhere"}, "JWT_SECRET_FILE"),
        ({"api_keys_file": "/nowhere"}, "API_KEYS_FILE"),
        ({"api_keys": "nonsense"}, "API_KEYS"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], given: dict[str, Any], named: str):
    with pytest.raises(SettingsError, match=named):
        open_authenticator(Settings(**settings, **given))


def test_one_algorithm_at_a_time(settings: dict[str, Any], tmp_path: Path):
    (tmp_path / "key.pem").write_bytes(PUBLIC_PEM)
    files = settings | {"jwt_public_key_file": tmp_path / "key.pem", "jwt_issuer": "us"}
    assert open_authenticator(Settings(**files)).required
    with pytest.raises(SettingsError, match="JWT_SECRET and JWT_PUBLIC_KEY_FILE"):
        open_authenticator(Settings(**files, jwt_secret=SECRET.decode()))


def test_empty_files_are_as_good_as_none(settings: dict[str, Any], tmp_path: Path):
    (tmp_path / "empty").write_text("\n")
    names = ("api_keys_file", "jwt_secret_file", "jwt_public_key_file")
    files = dict.fromkeys(names, tmp_path / "empty")
    assert not open_authenticator(Settings(**settings, **files)).required


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *(("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True)),
        *(("0.0.0.0", False), ("::", False), ("192.168.0.2", False), ("spark", False)),  # noqa: S104
    ],
)
def test_without_keys_only_this_machine(settings: dict[str, Any], host: str, loopback: bool):
    assert is_loopback(host) == loopback
    open_to_all = Settings(**settings, host=host)
    if not loopback:
        with pytest.raises(SettingsError, match="HOST"):
            check_exposure(open_to_all, open_authenticator(open_to_all))
    for more in ({"allow_unauthenticated": True}, {"api_keys": "a user sha256:" + 64 * "0"}):
        guarded = Settings(**settings, host=host, **more)
        check_exposure(guarded, open_authenticator(guarded))


def test_settings_do_not_show_secrets(settings: dict[str, Any]):
    shown = repr(Settings(**settings, jwt_secret="hidden", api_keys="hidden"))  # noqa: S106
    assert "hidden" not in shown
