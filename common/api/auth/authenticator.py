"""From what a request brings along to whoever sent it."""

from collections.abc import Callable
from dataclasses import dataclass

from common.api.auth.caller import EVERYBODY, Caller
from common.api.auth.keys import Entry, KeyRing
from common.api.auth.sessions import Sessions
from common.base.errors.access import Unauthenticated

_HINT = (
    "Send `Authorization: Bearer <key>` or `X-API-Key: <key>`; whoever runs the service makes keys."
)


@dataclass(frozen=True)
class Credentials:
    """What a request says of its sender, in the order in which it counts."""

    api_key: str | None = None
    bearer: str | None = None
    cookie: str | None = None
    statement: str | None = None
    """Of another service, as to whom it asks for; the door has looked at it before."""

    @property
    def ambient(self) -> bool:
        """Whether a browser sent them by itself, perhaps for a page of somebody else."""
        return self.api_key is None and self.bearer is None and self.statement is None


class Authenticator:
    """Knows the good keys and tokens.

    Authentication is required as soon as there has been a key, and as long as the process lives:
    to take the last key out of the file must not open the service to all.
    """

    def __init__(
        self,
        rings: tuple[Callable[[], KeyRing], ...],
        sessions: Sessions,
        token_caller: Callable[[str], Caller] | None = None,
    ) -> None:
        self.sessions = sessions
        self._rings = rings
        self._token_caller = token_caller
        self._required = token_caller is not None

    @property
    def required(self) -> bool:
        """Whether callers must say who they are."""
        if not self._required:
            self._required = bool(self.ring().entries)
        return self._required

    def ring(self) -> KeyRing:
        """All keys that are good now."""
        return KeyRing(tuple(entry for ring in self._rings for entry in ring().entries))

    def caller(self, credentials: Credentials) -> Caller:
        """Whoever sent this.

        Raises:
            Unauthenticated, TokenExpired: nothing came along, or what did is not good.
            Forbidden: a good token without a scope that counts here.
        """
        if not self.required:
            return EVERYBODY
        if credentials.api_key is not None:
            return self.entry(credentials.api_key).caller
        if credentials.bearer is not None:
            return self._of_bearer(credentials.bearer)
        if credentials.cookie is not None:
            return self._of_cookie(credentials.cookie)
        raise Unauthenticated("This needs an API key.", presented=False, hint=_HINT)

    def entry(self, key: str) -> Entry:
        """A key's entry. Raises Unauthenticated."""
        found = self.ring().find(key)
        if found is None:
            raise Unauthenticated("The API key is not known here.", presented=True, hint=_HINT)
        return found

    def _of_bearer(self, bearer: str) -> Caller:
        if self._token_caller is not None and bearer.count(".") == 2:  # keys have no dots
            return self._token_caller(bearer)
        return self.entry(bearer).caller

    def _of_cookie(self, cookie: str) -> Caller:
        found = self.sessions.entry(cookie, self.ring())
        if found is None:
            raise Unauthenticated(
                "The session has ended, or its key was removed.",
                presented=True,
                hint="Send your key to POST /auth/session again.",
            )
        return found.caller
