"""The ids of events, by which a client that comes back says what it has seen.

They are no moments: clocks jump. Each feed that is opened numbers its events from one, in a series
that has a name of its own. A client that comes back to another series (the service was started
again, or it is another replica) has seen nothing of it, and gets the present state.

The last one is marked as such. Browsers come back by themselves after every end of a stream, for
ever, unless they are answered 204: one that comes back with a last id has seen all that there will
be, whichever series it was.
"""

from dataclasses import dataclass, field
from functools import partial
from secrets import token_hex

_MOST_DIGITS = 18
_LAST = ".end"
"""Behind the name of its series, in the id of a last event."""


class NothingMore(Exception):
    """A client has seen how it ended. Answered 204, without a body."""


def check_more(event_id: str | None) -> None:
    """To be asked once all has ended. Raises NothingMore: the client says that it knows."""
    if event_id is not None and event_id.rpartition("-")[0].endswith(_LAST):
        raise NothingMore


@dataclass(frozen=True)
class Series:
    """One feed's numbers."""

    name: str = field(default_factory=partial(token_hex, 4))

    def id(self, number: int, *, last: bool = False) -> str:
        """Of an event, as clients get it."""
        return f"{self.name}{_LAST if last else ''}-{number}"

    def seen(self, event_id: str | None, latest: int) -> int:
        """The number of the last event that a client has seen; 0 where that is none of ours."""
        name, _, digits = (event_id or "").rpartition("-")
        mine = (
            name.removesuffix(_LAST) == self.name
            and digits.isdecimal()
            and len(digits) <= _MOST_DIGITS
        )
        number = int(digits) if mine else 0
        return number if number <= latest else 0
