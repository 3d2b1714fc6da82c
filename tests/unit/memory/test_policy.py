"""The rules of the pool, one example each. A pool of 100, one job on the GPU unless it says so."""

from typing import Any

import pytest

from common.memory.decisions import Evict, Grant, Wait
from common.memory.policy import decide, evictable, take_turn, victim
from common.memory.pool import Lease, Rules, Situation, Stage, Ticket

NOW = 1000.0
POOL = 100


def ticket(at: float, needs: int, **more: Any) -> Ticket:
    return Ticket(**{"accepted_at": at, "number": 1, "job_id": "job", "total_bytes": needs} | more)


def lease(model: str, held: int = 0, asks: Ticket | None = None, **more: Any) -> Lease:
    """Of a living worker; with ``held`` its model is loaded, unless ``more`` says otherwise."""
    known = {"reserved_bytes": held, "used_bytes": held, "loaded": held > 0, "beat": NOW}
    return Lease(**{"model": model, "pid": 1, "ticket": asks} | known | more)


def pool(*leases: Lease, others: int = 0, coming: int = 0, **rules: Any) -> Situation:
    free = POOL - others - coming - sum(lease.held_bytes for lease in leases)
    return Situation(free, coming, leases, NOW, Rules(**{"floor_bytes": 0} | rules))


def waits(at: float, needs: int, **more: Any) -> Ticket:
    return ticket(at, needs, stage=Stage.WAITING, **more)


def granted(at: float, needs: int, **more: Any) -> Ticket:
    return ticket(at, needs, stage=Stage.GRANTED, since=NOW, **more)


def on_gpu(at: float, needs: int, **more: Any) -> Ticket:
    return ticket(at, needs, stage=Stage.ON_GPU, since=NOW, **more)


# Memory


def test_what_fits_is_granted():
    assert decide(pool(lease("a", asks=waits(1, 100))), "a") == Grant()


def test_what_does_not_fit_waits():
    situation = pool(lease("a", asks=waits(1, 60)), others=50)
    assert decide(situation, "a") == Wait("memory that other programs hold")


def test_a_loaded_model_asks_only_for_what_its_job_takes():
    assert decide(pool(lease("a", 70, waits(1, 100))), "a") == Grant()


def test_the_older_job_goes_first():
    situation = pool(lease("a", asks=waits(2, 60)), lease("b", asks=waits(1, 60)))
    assert decide(situation, "b") == Grant()
    assert decide(situation, "a") == Wait("b, whose job came first", ("b",))


def test_a_younger_job_may_use_what_an_older_one_could_not():
    """The older one needs the memory of a job that runs; then there is enough for both."""
    running = lease("busy", 70, on_gpu(0, 70))
    older, younger = lease("b", asks=waits(1, 60)), lease("a", asks=waits(2, 30))
    assert decide(pool(running, older, younger), "a") == Grant()


def test_a_younger_job_may_not_take_what_the_older_one_will_need():
    running = lease("busy", 70, on_gpu(0, 70))
    older, younger = lease("b", asks=waits(1, 80)), lease("a", asks=waits(2, 30))
    assert decide(pool(running, older, younger), "a") == Wait("b, whose job came first", ("b",))


def test_a_younger_job_may_not_make_a_second_end_necessary():
    """Of two jobs whose ends nobody knows, either is enough for the older one, as it stands."""
    first, second = lease("p", 40, on_gpu(0, 40)), lease("q", 40, granted(0, 40))
    older, younger = lease("b", asks=waits(1, 60)), lease("a", asks=waits(2, 10))
    situation = pool(first, second, older, younger)
    assert decide(situation, "a") == Wait("b, whose job came first", ("b",))


def test_a_younger_job_may_not_take_what_a_running_job_gives_back_at_its_end():
    """20 of the 70 are the job's own: with them the older one begins, and nobody has to leave."""
    running = lease("busy", 70, on_gpu(0, 70, run_bytes=20))
    older, younger = lease("b", asks=waits(1, 50)), lease("a", asks=waits(2, 30))
    assert isinstance(decide(pool(running, older, younger), "a"), Wait)


def test_a_younger_job_may_not_begin_in_a_model_that_the_older_one_could_ask_to_leave():
    older, younger = lease("b", asks=waits(1, 60)), lease("a", 50, waits(2, 60))
    assert decide(pool(older, younger), "a") == Wait("b, whose job came first", ("b",))


def test_a_younger_job_may_not_take_what_two_older_ones_need_together():
    """80 are about to come back. Either of the two would have enough beside it, not both."""
    gone = lease("p", 80, leaving=True)
    first, second = lease("b", asks=waits(1, 60)), lease("c", asks=waits(2, 40))
    situation = pool(gone, first, second, lease("a", asks=waits(3, 20)))
    assert decide(situation, "a") == Wait("b, whose job came first", ("b",))


# Eviction


def test_two_that_wait_for_each_others_bare_process_do_not_wait_for_ever():
    """Each needs all there is. The younger one leaves, and comes back behind the older."""
    older = lease("b", 5, waits(1, 100), loaded=False)
    younger = lease("a", 5, waits(2, 100), loaded=False)
    situation = pool(older, younger)
    assert decide(situation, "b") == Evict(("a",))
    assert isinstance(decide(situation, "a"), Wait)
    assert (evictable(younger, situation), evictable(lease("a", 5), situation)) == (True, True)


def test_an_empty_worker_leaves_only_where_idle_models_are_not_enough():
    empty = lease("p", 5, waits(2, 200), loaded=False)
    idle, asks = lease("q", 30, last_used=9), lease("a", asks=waits(1, 90))
    assert decide(pool(empty, idle, asks), "a") == Evict(("q",))
    large = lease("a", asks=waits(1, 100))
    assert decide(pool(empty, idle, large), "a") == Evict(("q", "p"))


def test_an_empty_worker_that_can_go_on_stays():
    empty, asks = lease("p", 5, waits(2, 40), loaded=False), lease("a", asks=waits(1, 100))
    situation = pool(empty, asks)
    assert decide(situation, "p") == Grant()
    assert not evictable(empty, situation)


def test_the_longest_unused_makes_room_and_no_more_than_needed():
    idle = [lease(name, 30, last_used=used) for name, used in (("p", 3), ("q", 1), ("r", 2))]
    assert decide(pool(*idle, lease("a", asks=waits(1, 35))), "a") == Evict(("q",))
    assert decide(pool(*idle, lease("a", asks=waits(1, 65))), "a") == Evict(("q", "r"))


def test_one_that_is_large_enough_spares_one_that_is_not():
    small, large = lease("p", 10, last_used=1), lease("q", 80, last_used=2)
    assert decide(pool(small, large, lease("a", asks=waits(1, 80))), "a") == Evict(("q",))


def test_nobody_leaves_for_what_would_not_fit_even_then():
    busy, idle = lease("busy", 50, on_gpu(0, 50)), lease("p", 30)
    situation = pool(busy, idle, lease("a", asks=waits(1, 60)))
    assert decide(situation, "a") == Wait("busy to finish a job", ("busy",))


def test_nobody_leaves_while_enough_is_leaving_or_on_its_way_back():
    gone, idle = lease("p", 60, leaving=True), lease("q", 40)
    asking = lease("a", asks=waits(1, 60))
    on_its_way = Wait("memory that is on its way back")
    assert decide(pool(gone, idle, asking), "a") == on_its_way
    assert decide(pool(idle, asking, coming=60), "a") == on_its_way


def test_what_a_stopped_process_was_about_to_give_back_is_not_waited_for():
    gone, idle = lease("p", 60, leaving=True, beat=NOW - 60), lease("q", 40)
    assert decide(pool(gone, idle, lease("a", asks=waits(1, 40))), "a") == Evict(("q",))


@pytest.mark.parametrize(
    "kept",
    [
        {"asks": on_gpu(0, 60)},
        {"pinned": True},
        {"leaving": True},
        {"beat": NOW - 60},
        {"loaded_at": NOW - 29},
    ],
    ids=["busy", "pinned", "leaving", "stopped", "just loaded"],
)
def test_who_is_never_asked(kept: dict[str, Any]):
    other, asking = lease("p", 60, **kept), lease("a", asks=waits(1, 60))
    situation = pool(other, asking, residence_seconds=30)
    assert not evictable(other, situation)
    assert isinstance(decide(situation, "a"), Wait)


def test_a_model_that_waits_with_an_older_job_stays():
    older, asking = lease("p", 60, waits(1, 70)), lease("a", asks=waits(2, 60))
    assert decide(pool(older, asking), "a") == Wait("p, whose job came first", ("p",))


def test_a_model_that_waits_with_a_younger_job_makes_room():
    younger, asking = lease("p", 60, waits(2, 70)), lease("a", asks=waits(1, 60))
    assert decide(pool(younger, asking), "a") == Evict(("p",))


def test_an_older_job_that_cannot_get_on_holds_nobody_up():
    """Other programs hold what it lacks. Its model makes room for one that can get on."""
    older, asking = lease("p", 40, waits(1, 90)), lease("a", asks=waits(2, 30))
    situation = pool(older, asking, others=40)
    assert decide(situation, "p") == Wait("memory that other programs hold")
    assert decide(situation, "a") == Evict(("p",))


def test_what_a_broken_load_left_makes_room():
    left = lease("p", 60, loaded=False)
    assert decide(pool(left, lease("a", asks=waits(1, 60))), "a") == Evict(("p",))


# The GPU


def test_one_job_at_a_time():
    situation = pool(lease("p", 20, on_gpu(2, 20, seconds=240)), lease("a", 20, granted(1, 20)))
    assert take_turn(situation, "a") == Wait("p to finish a job, about 4 min", ("p",))
    assert take_turn(pool(*situation.leases, gpu_jobs=2), "a") is None


def test_the_tail_leaves_the_gpu_to_the_next():
    tail = lease("p", 20, ticket(1, 20, stage=Stage.TAIL))
    assert take_turn(pool(tail, lease("a", 20, granted(2, 20))), "a") is None


def test_the_gpu_is_kept_for_an_older_job_that_loads():
    loading = lease("p", 20, granted(1, 20), loaded=False)
    situation = pool(loading, lease("a", 20, granted(2, 20)))
    assert take_turn(situation, "a") == Wait("p, whose job came first", ("p",))


def test_the_gpu_is_not_kept_for_a_load_without_a_job():
    loading = lease("p", 20, granted(1, 20, job_id=None), loaded=False)
    assert take_turn(pool(loading, lease("a", 20, granted(2, 20))), "a") is None


def test_the_gpu_is_not_kept_for_who_cannot_get_on():
    stopped = lease("p", 20, granted(1, 20), beat=NOW - 60)
    hopeless = lease("q", asks=waits(1, 90))
    situation = pool(stopped, hopeless, lease("a", 20, granted(2, 20)), others=20)
    assert take_turn(situation, "a") is None


def test_a_stopped_process_does_not_hold_the_gpu():
    stopped = lease("p", 20, on_gpu(1, 20), beat=NOW - 60)
    assert take_turn(pool(stopped, lease("a", 20, granted(2, 20))), "a") is None


def test_who_holds_what_an_older_job_lacks_goes_before_it():
    """Other programs took memory after the grant: else the two would wait for each other."""
    older, holder = lease("p", asks=waits(1, 60)), lease("a", 40, granted(2, 40))
    assert take_turn(pool(older, holder, others=20), "a") is None


def test_only_those_go_before_it_that_it_waits_for():
    """It lacks what ``large`` holds; ``small`` alone would not help, and only delay it."""
    older = lease("p", asks=waits(1, 60))
    small, large = lease("small", 10, granted(2, 10)), lease("large", 50, granted(3, 50))
    situation = pool(older, small, large, others=20)
    assert take_turn(situation, "small") == Wait("large, whose job came first", ("large",))
    assert take_turn(situation, "large") is None


def test_a_short_job_runs_while_an_older_one_waits_for_something_else():
    """The older one's memory comes in 20 s, when a model has been there for its residence."""
    stays = lease("stays", 60, loaded_at=NOW - 10)
    older = lease("p", asks=waits(1, 50))
    for seconds, may in ((19, True), (21, False), (None, False)):
        short = lease("a", 20, granted(2, 20, seconds=seconds))
        situation = pool(stays, older, short, residence_seconds=30)
        assert (take_turn(situation, "a") is None) is may


def test_who_waits_for_the_gpu_behind_a_short_job_does_not_hold_it_up():
    """The older one could do with ``behind``, but that one cannot end before the short job has."""
    stays, behind = lease("stays", 40, loaded_at=NOW - 10), lease("behind", 20, granted(3, 20))
    older, short = lease("p", asks=waits(1, 40)), lease("a", 20, granted(2, 20, seconds=10))
    assert take_turn(pool(stays, behind, older, short, residence_seconds=30), "a") is None


# The watchdog's choice


def test_the_newest_load_is_stopped_first():
    first = lease("p", 60, granted(1, 60).model_copy(update={"since": 1.0}), loaded=False)
    second = lease("q", 20, granted(2, 20).model_copy(update={"since": 2.0}), loaded=False)
    assert victim([first, second, lease("r", 90, on_gpu(0, 90))], NOW) == "q"


def test_without_a_load_the_largest_job_is_stopped():
    jobs = [lease("p", 60, on_gpu(1, 60)), lease("q", 20, granted(2, 20)), lease("idle", 80)]
    assert victim(jobs, NOW) == "p"


def test_without_a_job_the_largest_model_is_stopped():
    assert victim([lease("p", 60), lease("q", 70), lease("r", 80, beat=NOW - 60)], NOW) == "q"
    assert victim([], NOW) is None


def test_where_nobody_can_beat_one_is_stopped_all_the_same():
    jobs = [lease("p", 60, on_gpu(1, 60), beat=NOW - 60), lease("idle", 80, beat=NOW - 60)]
    assert victim(jobs, NOW) == "p", "it is the disk, not they"
