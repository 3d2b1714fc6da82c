"""Refused keys and tokens: counted, told to the log, and answered late.

A right key is found out first and is never late, whoever else sits behind the same address. Who
guesses waits longer each time; nobody guesses 256 bits, but a log and a CPU are worth guarding too.
"""

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from common.base.logs import get_logger

log = get_logger("auth")

FREE = 5
"""So many in a row are answered at once: people paste the wrong line, programs have old keys."""
FIRST_SECONDS, MOST_SECONDS = 0.25, 4.0
"""The wait after those; doubles each time. The most is less than what a shutdown grants."""
FORGIVEN_SECONDS = 300.0
"""Without a failure for so long an address begins anew."""
ADDRESSES = 1000
"""That are remembered; beyond them the one that was quiet for longest is forgotten."""
LINES = 10
"""In the log, a minute; the rest are counted and told as a number."""
LINES_SECONDS = 60.0


class Failures(Collector):
    """Of one service. Lives in the event loop; ``clock`` is in seconds and never goes back."""

    def __init__(
        self,
        model: str,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._model = model
        self._clock = clock
        self._pause = pause
        self._total = 0
        self._of: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lines, self._untold, self._since = 0, 0, float("-inf")

    async def note(self, address: str) -> None:
        """Count one, and wait before it is answered. ``address``: where it came from."""
        self._total += 1
        now, place = self._clock(), _place(address)
        before, at = self._of.pop(place, (0, now))
        count = 1 if now - at > FORGIVEN_SECONDS else before + 1
        self._of[place] = count, now
        if len(self._of) > ADDRESSES:
            self._of.popitem(last=False)
        self._tell(address, count, now)
        if count > FREE:
            await self._pause(min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(count - FREE - 1, 10)))

    def collect(self) -> Iterable[Metric]:
        """How many there were."""
        text = "Keys and tokens that were refused."
        total = CounterMetricFamily("videosdgx_sign_ins_refused", text, labels=["model"])
        total.add_metric([self._model], self._total)
        yield total

    def _tell(self, address: str, count: int, now: float) -> None:
        """Who and how often; never what was sent."""
        if now - self._since > LINES_SECONDS:
            if self._untold:
                log.warning("more keys were refused than are told", extra={"more": self._untold})
            self._lines, self._untold, self._since = 0, 0, now
        if self._lines == LINES:
            self._untold += 1
            return
        self._lines += 1
        log.warning("a key was refused", extra={"address": address, "in_a_row": count})


def _place(address: str) -> str:
    """A whole /64 counts as one: whoever has an IPv6 address has all of them (RFC 6177)."""
    with suppress(ValueError):
        ip = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((int(ip) >> 64 << 64, 64)))
    return address
