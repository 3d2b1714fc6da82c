"""A short run of ``python -m tests.chaos``; the long one is for people and for releases."""

import pytest

from tests.chaos import four
from tests.chaos.run import run


def test_the_promise_holds_while_everything_is_killed() -> None:
    account = run(jobs=25, seed=4)
    assert account.violations == [], f"{account.table()}\n{account.log}"
    assert sum(account.ledger.blows.values()) >= 3
    assert {state for _, state in account.outcomes} >= {"completed", "failed"}


@pytest.mark.slow
def test_the_pool_holds_while_everything_is_killed() -> None:
    account = four.run(jobs=16, seed=5)
    assert account.violations == [], account.table()
    assert account.seen.kills.total() >= 1
    assert account.seen.loads.total() > len(four.LOADS_MB), "models had to make room"
