"""Three thousand random histories of a few services and their pool.

In the last two, every time that a ticket is granted or takes the GPU while an older one waits, the
world is split: in one half it goes on, in the other the younger ticket gets nothing until the older
ones have begun. Those must begin as early in the first half as in the second.

The histories are the same in every run; ``HISTORIES=40000`` plays so many new ones.
"""

import os

from hypothesis import HealthCheck, given, settings

from tests.unit.memory.histories import History, check, histories

KINDS = 4
MANY = os.environ.get("HISTORIES")
played = settings(
    max_examples=int(MANY or 3_000) // KINDS,
    derandomize=MANY is None,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@played
@given(histories(told="mixed"))
def test_the_pool_holds_whatever_dies_or_stops(history: History):
    check(history)


@played
@given(histories(told="wrong"))
def test_the_pool_holds_when_expected_seconds_are_wrong(history: History):
    check(history)


@played
@given(histories(told="right", blows=False))
def test_no_ticket_is_delayed_by_a_younger_one_when_seconds_are_known(history: History):
    check(history, futures=True)


@played
@given(histories(told="mixed", blows=False))
def test_no_ticket_is_delayed_by_a_younger_one_when_seconds_are_not_known(history: History):
    check(history, futures=True)
