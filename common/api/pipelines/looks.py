"""What a process keeps in mind of a pipeline between two looks: nothing that it could not lose."""

from dataclasses import dataclass, field

FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.25, 2.0
"""Between looks at a job: short at first, since some take no time."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
"""Before a service is asked again that did not answer, or had no room."""
LONGEST_WISH_SECONDS = 120.0
"""As far as a service may ask for more (Retry-After)."""
_DOUBLINGS = 10


@dataclass(frozen=True)
class Pause:
    """Nothing to do for so long."""

    seconds: float


@dataclass(frozen=True)
class Live:
    """What was seen last of the present step's job."""

    job: str | None = None
    state: str | None = None
    percent: float = 0.0
    seconds_left: float | None = None
    waiting_for: str | None = None
    """Why nothing happens, for people."""


@dataclass
class Looks:
    """At one pipeline."""

    live: Live = field(default_factory=Live)
    next_at: float = 0.0
    """On the conductor's clock."""
    version: int | None = None
    """As it was looked at last: another one is looked at at once."""
    _looked: int = 0
    _failed: int = 0

    def due(self, version: int, now: float) -> bool:
        """Whether it is time to look."""
        return version != self.version or now >= self.next_at

    def wait(self, now: float, seconds: float, version: int) -> None:
        """Leave it alone for a while, unless it changes from this version."""
        self.next_at, self.version = now + seconds, version

    def seen(self, live: Live) -> Pause:
        """Its job goes on."""
        self._looked = self._looked + 1 if live.job == self.live.job else 0
        self._failed, self.live = 0, live
        grown = FIRST_LOOK_SECONDS * 2 ** min(self._looked, _DOUBLINGS)
        return Pause(min(LONGEST_LOOK_SECONDS, grown))

    def later(self, reason: str, wished: float | None = None) -> Pause:
        """A service cannot be asked now."""
        grown = FIRST_PAUSE_SECONDS * 2 ** min(self._failed, _DOUBLINGS)
        self._failed += 1
        self.live = Live(self.live.job, self.live.state, self.live.percent, waiting_for=reason)
        seconds = min(LONGEST_PAUSE_SECONDS, grown)
        return Pause(max(seconds, min(wished or 0.0, LONGEST_WISH_SECONDS)))

    def over(self) -> None:
        """A step has ended; the next one begins anew."""
        self.live, self._looked, self._failed = Live(), 0, 0
