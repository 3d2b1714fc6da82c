"""Token buckets: bursts up to a minute's worth, then the rate; each caller has their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.api.auth.buckets import MAX_BUCKETS, Buckets
from common.base.errors.access import RateLimited


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(buckets: Buckets, name: str = "ana") -> bool:
    try:
        buckets.take(name)
    except RateLimited:
        return False
    return True


def test_a_burst_then_the_rate():
    clock = Clock()
    buckets = Buckets(6, clock=clock)
    assert [taken(buckets) for _ in range(8)] == [True] * 6 + [False] * 2
    assert taken(buckets, "ben"), "another's bucket"
    clock.now += 9.9
    assert not taken(buckets)
    clock.now += 0.2
    assert [taken(buckets) for _ in range(2)] == [True, False]
    clock.now += 3600
    assert [taken(buckets) for _ in range(7)] == [True] * 6 + [False], "it does not overflow"


def test_headers_say_what_is_left_and_when_there_is_more():
    clock = Clock()
    buckets = Buckets(6, clock=clock)
    first = buckets.take("ana")
    assert first.headers == {
        "RateLimit-Policy": '"jobs";q=6;w=60',
        "RateLimit": '"jobs";r=5;t=10',
    }
    for _ in range(4):
        buckets.take("ana")
    assert buckets.take("ana").headers["RateLimit"] == '"jobs";r=0;t=10'
    clock.now += 4
    with pytest.raises(RateLimited) as caught:
        buckets.take("ana")
    assert caught.value.headers["Retry-After"] == "6"
    assert caught.value.headers["RateLimit"] == '"jobs";r=0;t=6'
    clock.now += 6
    assert taken(buckets), "whoever waits as long as told gets in"


@given(
    per_minute=st.integers(1, 500),
    pauses=st.lists(st.floats(0, 30), min_size=1, max_size=200),
)
def test_in_any_minute_no_more_than_twice_the_rate(per_minute: int, pauses: list[float]):
    clock = Clock()
    buckets = Buckets(per_minute, clock=clock)
    at = []
    for pause in pauses:
        clock.now += pause
        if taken(buckets):
            at.append(clock.now)
    for begin in at:
        assert sum(begin <= moment < begin + 60 for moment in at) <= 2 * per_minute


def test_those_who_came_once_are_forgotten():
    clock = Clock()
    buckets = Buckets(60, clock=clock)
    for number in range(MAX_BUCKETS):
        buckets.take(f"caller {number}")
    clock.now += 2
    buckets.take("ana")
    assert set(buckets._full_at) == {"ana"}
