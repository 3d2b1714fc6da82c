"""When a worker must go, on a clock of our own."""

import pytest

from common.base.settings import Settings
from common.base.steady_clock import SteadyClock
from common.contract import Phase
from common.worker.supervision.watch import Stalls, Watch
from tests.contract.conftest import Clock

SETTINGS = Settings(
    _env_file=None,  # type: ignore[call-arg]
    cancel_grace_seconds=10,
    heartbeat_timeout_seconds=60,
    loading_timeout_seconds=500,
    step_timeout_seconds=100,
    encoding_timeout_seconds=50,
)


def watch() -> Watch:
    return Watch(SETTINGS, last_beat=0, last_progress=0)


def test_a_worker_that_beats_and_moves_may_stay():
    worker = watch()
    for now in range(0, 1000, 50):
        worker.beat(now)
        worker.progress(Phase.DENOISING, now)
        assert worker.overdue(now + 49) is None


def test_silence_is_blamed():
    verdict = watch().overdue(61)
    assert verdict is not None
    assert verdict.blame
    assert "61 s" in verdict.reason


@pytest.mark.parametrize(
    ("phase", "limit"),
    [
        (Phase.LOADING, 500),
        (Phase.DENOISING, 100),
        (Phase.DECODING, 100),
        (Phase.ENCODING_VIDEO, 50),
    ],
)
def test_each_phase_has_its_own_patience(phase: Phase, limit: float):
    worker = watch()
    worker.progress(phase, 0)
    worker.beat(limit + 1)
    assert worker.overdue(limit) is None
    verdict = worker.overdue(limit + 1)
    assert verdict is not None
    assert phase in verdict.reason


def test_an_idle_worker_need_not_make_progress():
    worker = watch()
    worker.progress(Phase.DENOISING, 0)
    worker.job_left("a")
    worker.beat(1e6)
    assert worker.overdue(1e6) is None


def test_a_cancelled_job_that_is_not_let_go_ends_its_worker_without_blame():
    worker = watch()
    worker.cancel("a", 0)
    worker.cancel("a", 5)  # asking again does not prolong it
    assert worker.overdue(9.9) is None
    verdict = worker.overdue(10)
    assert verdict is not None
    assert not verdict.blame
    worker.job_left("a")
    assert worker.overdue(10) is None


def test_a_cancel_that_comes_after_the_job_was_let_go_threatens_nobody():
    worker = watch()
    worker.job_left("a")
    worker.cancel("a", 0)
    worker.beat(1000)
    assert worker.overdue(1000) is None


def test_a_worker_that_must_leave_is_not_blamed():
    worker = watch()
    worker.leave_by = 5
    verdict = worker.overdue(5)
    assert verdict is not None
    assert not verdict.blame


def test_a_worker_that_does_not_make_room_must_go():
    worker = watch()
    for now in range(20):
        worker.evicted(asked=True, now=now)
    assert worker.overdue(15) is None
    assert worker.overdue(15.1) is not None
    worker.evicted(asked=False, now=20)
    assert worker.overdue(20) is None


def test_a_worker_is_not_held_to_what_nobody_watched():
    """The watcher was stopped for a quarter of an hour, and its worker with it."""
    machine = Clock()
    clock = SteadyClock(most=1.0, clock=machine)
    worker = Watch(SETTINGS, last_beat=clock(), last_progress=clock())
    worker.progress(Phase.DENOISING, clock())
    worker.cancel("a", clock())
    worker.leave_by = clock() + 20
    machine.now += 900
    assert worker.overdue(clock()) is None
    worker.leave_by = None
    worker.job_left("a", others=True)
    for _ in range(60):
        machine.now += 1
        verdict = worker.overdue(clock())
    assert verdict is not None, "it is silent all the same"
    assert "61 s" in verdict.reason


def test_a_clock_that_is_looked_at_in_time_is_exact():
    machine = Clock()
    clock = SteadyClock(most=1.0, clock=machine)
    for step in (0.25, 1.0, 0.0, 0.5):
        machine.now += step
        clock()
    assert clock() == 1.75


def test_a_claim_whose_beats_stand_still_for_a_lease_is_stalled():
    stalls = Stalls(lease_seconds=30)
    assert stalls.observe({"a": 1, "b": 1}, 0) == set()
    assert stalls.observe({"a": 1, "b": 2}, 20) == set()
    assert stalls.observe({"a": 1, "b": 2}, 31) == {"a"}
    assert stalls.observe({"a": 2, "b": 2}, 51) == {"b"}


def test_a_claim_is_not_stalled_on_the_first_look_however_old():
    assert Stalls(lease_seconds=30).observe({"a": 7}, 1e9) == set()


def test_a_batch_that_loses_one_job_can_still_be_stuck():
    worker = watch()
    worker.progress(Phase.DENOISING, 0)
    worker.job_left("cancelled", others=True)
    worker.beat(101)
    verdict = worker.overdue(101)
    assert verdict is not None
    assert "no progress" in verdict.reason
    worker.job_left("the last one")
    assert worker.overdue(101) is None
