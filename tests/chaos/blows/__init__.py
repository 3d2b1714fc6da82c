"""Everything that can befall a service, in one list."""

from tests.chaos.blows.base import Blow
from tests.chaos.blows.clocks import Clock, Pause
from tests.chaos.blows.kills import (
    Hurry,
    KillApi,
    KillBoth,
    KillInSweep,
    KillWorker,
    NamelessApi,
    NamelessWorker,
)
from tests.chaos.blows.rows import Locked, Unreadable
from tests.chaos.blows.servers import PostgresRestart, PostgresSilence
from tests.chaos.blows.volumes import Frozen, Full, Gone, ReadOnly
from tests.chaos.ground import Ground

KINDS = (
    *(KillWorker, KillApi, KillBoth, NamelessWorker, NamelessApi, KillInSweep, Hurry),
    *(Full, ReadOnly, Gone, Frozen),
    *(Pause, Clock, Unreadable, Locked, PostgresRestart, PostgresSilence),
)
NAMES = tuple(kind.name for kind in KINDS)


def blows_of(ground: Ground) -> list[Blow]:
    """One of each kind, also of those that this machine cannot do."""
    return [kind(ground) for kind in KINDS]
