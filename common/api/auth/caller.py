"""Who asks, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

from common.base.errors.access import Forbidden

MAX_NAME_CHARS = 64
"""As wide as the column ``owner`` of the job table."""


class Scope(StrEnum):
    """What a key or token is good for."""

    USER = "user"
    """Make jobs, and see and remove one's own."""
    ADMIN = "admin"
    """See and remove everybody's, load and unload the model, read the metrics."""


@dataclass(frozen=True)
class Caller:
    """Whoever stands behind a request. Jobs belong to ``name``."""

    name: str
    scopes: frozenset[Scope]

    @property
    def admin(self) -> bool:
        """Whether nothing is hidden from them."""
        return Scope.ADMIN in self.scopes

    def check_admin(self) -> None:
        """Raises Forbidden unless they may do everything."""
        if not self.admin:
            raise Forbidden(
                "This needs the scope admin.", hint="Use a key that was made with --admin."
            )


EVERYBODY = Caller("", frozenset(Scope))
"""Where no keys are set up, there is one nameless caller who may do all."""

NOBODY = Caller(" ", frozenset())
"""On open routes, for those who said nothing of themselves. No key and no token has this name, so
there are no jobs of theirs."""
