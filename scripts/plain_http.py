"""JSON of a service with the standard library alone: before anything is installed, too."""

import json
import os
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urlsplit

KEY = "VIDEOSDGX_API_KEY"
"""The variable of the environment with the key that the scripts of this folder send."""
OURSELVES = ("127.0.0.1", "localhost", "::1")
"""No proxy of the environment is asked for these."""
TIMEOUT_SECONDS = 5


class Unreachable(Exception):
    """No answer, or none that can be read."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


def key_headers(key: str | None = None) -> dict[str, str]:
    """What makes services that want a key answer: the one given, or the environment's.

    A key leaves ``Authorization`` to the password of a proxy; a token (JWT) is a bearer's alone.
    """
    key = key or os.environ.get(KEY)
    if not key:
        return {}
    return {"Authorization": f"Bearer {key}"} if key.count(".") == 2 else {"X-API-Key": key}


def without_password(url: str) -> str:
    """An address as it may be shown."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def get(url: str, key: str | None = None) -> dict[str, Any]:
    """The object behind an address, which may have the user and the password of a proxy.

    Raises:
        Unreachable: there is none, and why.
    """
    near = urlsplit(url).hostname in OURSELVES
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if near else []))
    headers = key_headers(key) | _password_headers(url)
    request = urllib.request.Request(without_password(url), headers=headers)  # noqa: S310  # http
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return _object(answer.read())
    except urllib.error.HTTPError as exc:
        if exc.code == 401:
            raise Unreachable(f"It wants a good API key: set {KEY} to one.") from exc
        if exc.code != 503:  # /ready says why
            raise Unreachable(f"It answers {exc.code}.") from exc
        return _object(exc.read())
    except (OSError, HTTPException) as exc:
        if isinstance(getattr(exc, "reason", None), ssl.SSLCertVerificationError):
            fix = "Set SSL_CERT_FILE to a file with its authority: docs/cli.md."
            raise Unreachable("Its certificate is not trusted here.", fix) from exc
        raise Unreachable("Nothing answers.") from exc


def _password_headers(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unreachable("What answers is no service of ours.", "Look who has the port.")
    return found
