"""How many bytes of bodies may be under way: in all, and for each caller."""

from collections import Counter

from common.base.errors.access import BodiesUnderWay
from common.base.settings import MIB

FREE_BYTES = 64 * 1024
"""Of each body: a plain request is taken while uploads fill everything. Connections bound these."""


class Purse:
    """Bytes for all bodies of one kind. A caller gets half of it, but always one whole body."""

    def __init__(self, what: str, setting: str, most: int, one_body: int) -> None:
        self._hint = f"Try again shortly, or raise {setting} if you run the service."
        self._what = what
        self._most = max(most, one_body)
        self._each = max(self._most // 2, one_body)
        self._taken = Counter[str]()

    @property
    def taken(self) -> int:
        """Bytes of all callers."""
        return self._taken.total()

    def check(self, who: str, size: int) -> None:
        """Raises BodiesUnderWay where ``size`` more bytes of this caller are too many."""
        if self._taken[who] + size > self._each:
            words = f"{self._each / MIB:g} MB of your {self._what} are under way"
        elif self.taken + size > self._most:
            words = f"{self._most / MIB:g} MB of {self._what} are under way"
        else:
            return
        raise BodiesUnderWay(f"Too much at once: {words}, or would be.", hint=self._hint)

    def take(self, who: str, size: int) -> None:
        """Count bytes that have come. Raises BodiesUnderWay."""
        self.check(who, size)
        self._taken[who] += size

    def give_back(self, who: str, size: int) -> None:
        """These bytes are gone."""
        self._taken[who] -= size
        if self._taken[who] <= 0:
            del self._taken[who]
