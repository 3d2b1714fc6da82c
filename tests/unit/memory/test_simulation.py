"""The benchmark of the pool: its simulation does what it says, and its best is the best."""

from typing import Any

import pytest

from common.memory.pool import Rules
from scripts.bench.memory import first_come, load_if_it_fits
from scripts.bench.memory_best import Search
from scripts.bench.memory_parts import Act, Blow, Delays, Job, Policy, Service
from scripts.bench.memory_play import play
from scripts.bench.memory_world import World

AT_ONCE = Delays(start=0, notice=0, exit=0, memory_returns=0)
RULES = Rules(floor_bytes=0)
TWO = (Service("a", 6, 10), Service("b", 6, 10))
IN_TURN = tuple(Job(name, at, 1, 100) for at, name in enumerate("abab"))


def played(services: tuple[Service, ...], jobs: tuple[Job, ...], **more: Any) -> World:
    return play(World(services, jobs, RULES, 10, delays=AT_ONCE, **more))


def test_two_models_that_do_not_fit_together_swap_at_every_job():
    world = played(TWO, IN_TURN)
    assert world.loads == ("a", "b", "a", "b")
    assert world.ended == {0: 110, 1: 220, 2: 330, 3: 440}


def test_the_best_order_loads_each_once():
    best = Search(TWO, IN_TURN, 10, AT_ONCE).run()
    assert (best.seconds, best.loads, best.swaps) == (2 * 210, 2, 0)


def test_a_load_overlaps_with_the_job_before_it():
    small = (Service("a", 4, 10), Service("b", 4, 10))
    jobs = (Job("a", 0, 1, 100), Job("b", 0, 1, 100))
    assert played(small, jobs).ended == {0: 110, 1: 210}
    assert Search(small, jobs, 10, AT_ONCE).run().seconds == 210


def test_the_simple_way_waits_until_an_idle_model_leaves_by_itself():
    simple = Policy(load_if_it_fits, first_come)
    jobs = (Job("a", 0, 1, 100), Job("b", 1, 1, 100))
    delays = Delays(start=0, notice=0, exit=0, memory_returns=0, unload=600)
    world = play(World(TWO, jobs, RULES, 10, policy=simple, delays=delays))
    assert world.ended == {0: 110, 1: 110 + 600 + 110}


@pytest.mark.parametrize("act", [Act.DIE, Act.PAUSE])
def test_a_job_whose_worker_dies_is_made_by_the_next_one(act: Act):
    """A pause of negative length ends in a kill."""
    world = played(TWO, IN_TURN[:1], blows=[Blow(act, 50, "a", -20)])
    died = 50 if act is Act.DIE else 70
    assert world.ended == {0: died + 110}
    assert world.loads == ("a", "a")
