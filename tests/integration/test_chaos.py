"""A short run of ``python -m tests.chaos``; the long one is for people and for releases."""

import pytest

from tests.chaos import four
from tests.chaos.blows import NAMES
from tests.chaos.run import run

QUICK = ("worker", "api", "both", "nameless-worker", "nameless-api", "sweep", "unreadable")


def test_the_promise_holds_while_everything_is_killed() -> None:
    account = run(jobs=28, seed=4, names=QUICK)
    assert account.violations == [], f"{account.table()}\n{account.story()}"
    assert account.ledger.blows.keys() == set(QUICK)
    assert {state for _, state in account.outcomes} >= {"completed", "failed"}


@pytest.mark.slow
def test_the_promise_holds_while_volumes_clocks_and_the_database_fail() -> None:
    account = run(jobs=60, seed=4)
    assert account.violations == [], f"{account.table()}\n{account.story()}"
    assert account.ledger.blows.keys() == set(NAMES) - set(account.left_out)


@pytest.mark.slow
def test_the_pool_holds_while_everything_is_killed() -> None:
    account = four.run(jobs=16, seed=5)
    assert account.violations == [], account.table()
    assert account.seen.kills.total() >= 1
    assert account.seen.loads.total() > len(four.LOADS_MB), "models had to make room"
