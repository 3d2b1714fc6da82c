"""How a worker that must go is ended, on a clock of our own."""

import asyncio
from collections.abc import Callable

import pytest

from common.contract import Phase
from common.worker.supervision.watch import Verdict, Watch
from common.worker.supervision.worker_life import WorkerLife
from tests.unit.test_supervisor import SETTINGS, PlayedWorker

GRACE = SETTINGS.kill_grace_seconds


def stays(_pid: int) -> bool:
    return False


async def signals_of(
    watch: Watch, moments: list[float], evicted: Callable[[int], bool] = stays
) -> list[str]:
    worker = PlayedWorker(stubborn=True)
    life = WorkerLife(worker, watch, GRACE)
    for now in moments:
        life.enforce(now, evicted)
    return worker.signals


@pytest.mark.parametrize(
    ("watch", "signals"),
    [
        (Watch(SETTINGS, 0, 0, leave_by=1), ["SIGTERM", "SIGKILL"]),
        (Watch(SETTINGS, 0, -10_000, phase=Phase.DENOISING), ["SIGKILL"]),
        (Watch(SETTINGS, 0, 0), []),
    ],
    ids=["it had to leave", "its job is to blame", "nothing is wrong"],
)
def test_only_where_no_job_is_to_blame_it_is_asked_first(watch: Watch, signals: list[str]):
    moments = [2, 2 + GRACE - 0.1, 2 + GRACE, 3 + GRACE]
    assert asyncio.run(signals_of(watch, moments)) == signals


def test_one_that_does_not_make_room_is_asked_to():
    moments = [0, SETTINGS.eviction_seconds, SETTINGS.eviction_seconds + 1]
    watch = Watch(SETTINGS, SETTINGS.eviction_seconds, 0)
    assert asyncio.run(signals_of(watch, moments, lambda pid: pid == 4711)) == ["SIGTERM"]


def test_one_that_is_shot_is_shot_once_and_for_the_first_reason():
    async def shot() -> tuple[list[str], Verdict | None]:
        life = WorkerLife(worker := PlayedWorker(), Watch(SETTINGS, 0, 0), GRACE)
        life.shoot("memory ran out")
        life.shoot("again")
        return worker.signals, life.verdict

    assert asyncio.run(shot()) == (["SIGKILL"], Verdict("memory ran out", blame=False))
