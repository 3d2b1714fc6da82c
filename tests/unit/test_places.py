"""Places between others: always strictly between them, and never out of room for good."""

import random
from itertools import pairwise

import pytest

from common.jobs.places import STEP, between, spread


def test_a_place_is_strictly_between_its_neighbours():
    assert between(3, 4) == 3.5
    assert between(None, 4) == 4 - STEP
    assert between(3, None) == 3 + STEP
    assert between(-50, -49.5) == -49.75


def test_between_two_of_one_rank_there_is_no_room():
    assert between(3, 3) is None


@pytest.mark.parametrize("low", [1.0, 10.0**6, -49.0, 2.0**31])
def test_a_gap_is_halved_until_it_is_gone(low: float):
    """With the largest number that the column holds, too."""
    high, moves = low + 1, 0
    while (place := between(low, high)) is not None:
        assert low < place < high
        high, moves = place, moves + 1
    assert moves > 20


@pytest.mark.parametrize("count", [0, 1, 15])
@pytest.mark.parametrize("low", [1 / 3, 10.0**6 + 1 / 3, 2.0**31])
def test_at_the_end_of_the_queue_there_is_always_room(low: float, count: int):
    rng = random.Random(count)
    behind = sorted(low + rng.random() * 2**-20 for _ in range(count))
    places = spread(low, behind, None)
    assert places is not None
    assert len(places) == count + 1
    assert all(one < other for one, other in pairwise([low, *places]))


def test_those_behind_are_spread_evenly_and_stay_before_the_next():
    assert spread(1, [1, 1 + 2**-40, 2], 6) == [2, 3, 4, 5]


def test_no_more_are_spread_than_stay_apart():
    assert spread(1, [1 + 2**-30], 1 + 2**-20) is None
    assert spread(1, [], 1 + STEP) is None
    assert spread(1, [], 1 + 2 * STEP) == [1 + STEP]
