"""JSON Web Tokens of somebody else's making: checked, never issued here.

Imported only where tokens are set up: PyJWT brings cryptography along, some ten megabytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.algorithms import RSAAlgorithm

from common.api.auth.caller import MAX_NAME_CHARS, Caller, Scope
from common.api.auth.keys import scopes_of
from common.api.auth.statements import LEEWAY_SECONDS as LEEWAY_SECONDS
from common.api.auth.statements import MIN_SECRET_BYTES
from common.base.errors.access import Forbidden, TokenExpired, Unauthenticated
from common.base.settings import SettingsError

_HINT = "Ask whoever issues your tokens for a new one."


@dataclass(frozen=True)
class TokenRules:
    """Which tokens are good. The algorithm is ours to say, never the token's."""

    algorithm: str
    key: Any
    audience: str
    issuer: str

    def caller(self, token: str) -> Caller:
        """Whose token it is.

        Raises:
            TokenExpired: it was good once.
            Unauthenticated: it is none of ours; the message says what is wrong with it.
            Forbidden: it is good, and has no scope that counts here.
        """
        claims = self._claims(token)
        name = claims["sub"]
        if not (name.strip() == name and name.isprintable() and 0 < len(name) <= MAX_NAME_CHARS):
            raise _refused(f"the claim sub is no name of 1 to {MAX_NAME_CHARS} characters")
        return Caller(name, _scopes(claims))

    def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self.key,
                algorithms=[self.algorithm],
                audience=self.audience,
                issuer=self.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "aud", "iss", "sub"]},
            )
        except jwt.ExpiredSignatureError as exc:
            raise TokenExpired("The token has expired.", presented=True, hint=_HINT) from exc
        except jwt.PyJWTError as exc:
            raise _refused(_reason(exc)) from exc
        return claims


def hs256(secret: bytes, audience: str, issuer: str) -> TokenRules:
    """Tokens that are signed with a secret that both sides know.

    Raises:
        SettingsError: it is too short.
    """
    if len(secret) < MIN_SECRET_BYTES:
        raise SettingsError(
            f"JWT_SECRET: it has {len(secret)} bytes, and {MIN_SECRET_BYTES} are the least.",
            param="JWT_SECRET",
            hint="`openssl rand -hex 32` makes one.",
        )
    return TokenRules("HS256", secret, audience, issuer)


def rs256(public_key: bytes, audience: str, issuer: str) -> TokenRules:
    """Tokens that are signed with a private key that only their issuer has.

    Raises:
        SettingsError: it is no public key of RSA in PEM.
    """
    try:
        key = RSAAlgorithm(RSAAlgorithm.SHA256).prepare_key(public_key)
    except (ValueError, TypeError, jwt.PyJWTError) as exc:
        raise SettingsError(
            "JWT_PUBLIC_KEY_FILE: there is no public key of RSA in it.",
            param="JWT_PUBLIC_KEY_FILE",
            hint="It begins with -----BEGIN PUBLIC KEY-----.",
        ) from exc
    if hasattr(key, "private_bytes"):
        raise SettingsError(
            "JWT_PUBLIC_KEY_FILE: it holds a private key, which belongs to the issuer alone.",
            param="JWT_PUBLIC_KEY_FILE",
            hint="`openssl rsa -in private.pem -pubout` writes the public one.",
        )
    return TokenRules("RS256", key, audience, issuer)


def _scopes(claims: Mapping[str, Any]) -> frozenset[Scope]:
    """Of the claim ``scope``: words with spaces between them (RFC 8693, section 4.2), or a list."""
    said = claims.get("scope", "")
    words = said.split() if isinstance(said, str) else said if isinstance(said, list) else []
    for scope in (Scope.ADMIN, Scope.USER):
        if scope.value in words:
            return scopes_of(scope)
    raise Forbidden(
        "The token's scope names neither user nor admin.",
        hint="Ask for the claim scope, as in `user`.",
    )


def _refused(reason: str) -> Unauthenticated:
    return Unauthenticated(f"The token is refused: {reason}.", presented=True, hint=_HINT)


def _reason(exc: jwt.PyJWTError) -> str:
    match exc:
        case jwt.InvalidAudienceError():
            return "it is for another audience"
        case jwt.InvalidIssuerError():
            return "it is of another issuer"
        case jwt.MissingRequiredClaimError():
            return "exp, aud, iss and sub must all be in it"
        case jwt.InvalidAlgorithmError():
            return "it is signed by another algorithm than the one that is taken"
        case jwt.InvalidSignatureError():
            return "its signature is wrong"
        case jwt.ImmatureSignatureError():
            return "it is not valid yet"
        case _:
            return "it cannot be read"
