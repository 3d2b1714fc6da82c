"""What one service tells another of whom it asks for: signed, for one request, for seconds.

A pipeline outlives the request that made it, and no key is kept. So the service that conducts it
states the name of its owner, and signs that with a secret that the services share. A statement is a
JSON Web Token; the claims ``htm`` and ``htu`` are those of RFC 9449 (DPoP), section 4.2.

PyJWT is imported at the first statement: it brings cryptography along, some ten megabytes, and
where callers have no keys there is none.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from common.api.auth.caller import MAX_NAME_CHARS, Caller, Scope
from common.base.errors.access import Unauthenticated
from common.base.settings import SettingsError

LEEWAY_SECONDS = 10
"""How far two machines' clocks may be apart."""
MIN_SECRET_BYTES = 32
"""As long as the hash: RFC 7518, section 3.2."""
LIFE_SECONDS = 30
"""From signing to the end; the other side gets it at once, or never."""
_ALGORITHM = "HS256"
_CLAIMS = ("aud", "sub", "iat", "exp", "jti", "htm", "htu", "key", "digest")


@dataclass(frozen=True)
class Call:
    """One request: all of it that decides what is done, and how often."""

    method: str
    target: str
    """Path and query."""
    key: str
    """Its Idempotency-Key; empty where it has none."""
    body: bytes = b""

    @property
    def said(self) -> dict[str, str]:
        """As claims."""
        digest = hashlib.sha256(self.body).hexdigest()
        return {"htm": self.method, "htu": self.target, "key": self.key, "digest": digest}


@dataclass(eq=False)
class Statements:
    """Signs for this service, and takes what others have signed for it."""

    secret: bytes
    service: str
    """This one's name."""
    clock: Callable[[], float] = time.time
    _spent: dict[str, float] = field(default_factory=dict)
    """The ends of those that were taken, so that none is taken twice."""

    def sign(self, to: str, owner: str, call: Call) -> str:
        """A statement for the service ``to``: that ``call`` is made for ``owner``."""
        import jwt

        now = int(self.clock())
        claims = {
            "aud": _audience(to),
            "sub": owner,
            "iat": now,
            "exp": now + LIFE_SECONDS,
            "jti": token_hex(16),
            **call.said,
        }
        return jwt.encode(claims, self.secret, algorithm=_ALGORITHM)

    def read(self, statement: str) -> dict[str, Any]:
        """Its claims: it is signed, of now, and for this service. What it says is not looked at.

        Raises:
            Unauthenticated: saying what is wrong with it.
        """
        import jwt

        try:
            claims: dict[str, Any] = jwt.decode(
                statement,
                self.secret,
                algorithms=[_ALGORITHM],
                audience=_audience(self.service),
                # Both are looked at below, by a clock of ours.
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False},
            )
            began, end = float(claims["iat"]), float(claims["exp"])
        except (jwt.PyJWTError, TypeError, ValueError) as exc:
            raise _refused(
                "it is none for this service, or another STACK_SECRET signed it"
            ) from exc
        now = self.clock()
        if end < now - LEEWAY_SECONDS or began > now + LEEWAY_SECONDS:
            raise _refused("it is not of now")
        return claims

    def caller(self, claims: dict[str, Any], call: Call) -> Caller:
        """For whom ``call`` is made: a user, whatever their key could do beside that.

        Raises:
            Unauthenticated: it is about another request, or was taken before.
        """
        if any(not _same(claims[name], said) for name, said in call.said.items()):
            raise _refused("it is about another request")
        now, one = self.clock(), str(claims["jti"])
        self._spent = {name: end for name, end in self._spent.items() if end >= now}
        if one in self._spent:
            raise _refused("it was taken before")
        self._spent[one] = float(claims["exp"]) + LEEWAY_SECONDS
        owner = str(claims["sub"])
        if not (
            owner.strip() == owner and owner.isprintable() and 0 < len(owner) <= MAX_NAME_CHARS
        ):
            raise _refused("it names nobody")
        return Caller(owner, frozenset({Scope.USER}))


def statements_of(secret: bytes, service: str) -> Statements:
    """As the settings say. Raises SettingsError: the secret is too short."""
    if len(secret) < MIN_SECRET_BYTES:
        raise SettingsError(
            f"STACK_SECRET: it has {len(secret)} bytes, and {MIN_SECRET_BYTES} are the least.",
            param="STACK_SECRET",
            hint="`openssl rand -hex 32` makes one.",
        )
    return Statements(secret, service)


def _audience(service: str) -> str:
    """No token of a user is for this."""
    return f"stack:{service}"


def _same(claim: object, said: str) -> bool:
    return isinstance(claim, str) and hmac.compare_digest(claim.encode(), said.encode())


def _refused(reason: str) -> Unauthenticated:
    return Unauthenticated(
        f"The statement of another service is refused: {reason}.",
        presented=True,
        hint="STACK_SECRET must be the same in all services, and their clocks must agree.",
    )
