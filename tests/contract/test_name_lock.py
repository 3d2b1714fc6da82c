"""One live service of a name: a session's lock, on a real PostgreSQL."""

from collections.abc import Iterator

import psycopg
import pytest

from common.base.locks import NameTaken
from common.jobs.name_lock import NameLock
from tests.contract.conftest import POSTGRES, Clock
from tests.live import wait_until

KEY = "videosdgx toy spark"

pytestmark = pytest.mark.skipif(not POSTGRES, reason="no PostgreSQL: set TEST_DATABASE_URL")


@pytest.fixture
def lock(clock: Clock) -> Iterator[NameLock]:
    lock = named("spark", clock)
    lock.take()
    yield lock
    lock.close()


def named(name: str, clock: Clock) -> NameLock:
    def pause(seconds: float) -> None:
        clock.now += seconds

    return NameLock(POSTGRES or "", "toy", name, clock, pause)


def cut(lock: NameLock) -> "psycopg.Connection[tuple[object, ...]]":
    """End the session that holds the name; answers a connection that may take it."""
    url = (POSTGRES or "").replace("+psycopg", "")
    rival = psycopg.connect(url, autocommit=True)
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
    assert rival.execute(query, [lock._me]).fetchall() == [(True,)]
    left = "SELECT FROM pg_stat_activity WHERE application_name = %s"
    wait_until(lambda: not rival.execute(left, [lock._me]).fetchall())
    return rival


def test_a_second_of_the_name_is_refused_after_its_patience(lock: NameLock, clock: Clock):
    second, began = named("spark", clock), clock.now
    with pytest.raises(NameTaken, match="spark") as refused:
        second.take(patience=15)
    assert 15 <= clock.now - began < 16
    assert "WORKER_NAME" in (refused.value.body.hint or "")
    lock.close()
    second.take()
    second.close()


def test_other_names_and_other_models_are_nobody_elses_business(lock: NameLock, clock: Clock):
    for other in (named("dgx", clock), NameLock(POSTGRES or "", "wan21", "spark")):
        other.take(patience=0)
        other.close()
    assert lock.check()


def test_a_lost_connection_is_made_again(lock: NameLock, clock: Clock):
    with cut(lock):
        assert lock.check()
    with pytest.raises(NameTaken):
        named("spark", clock).take(patience=0)


def test_a_name_that_somebody_took_meanwhile_is_waited_for(lock: NameLock):
    with cut(lock) as rival:
        rival.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [KEY])
        assert not lock.check()
        assert lock.taken
        assert not lock.check()
    wait_until(lock.check, what="the rival's session has ended")
    assert not lock.taken


def test_our_own_lost_session_is_no_rival(lock: NameLock):
    """The network went away: over there the session lives on, with the lock."""
    ghost = lock._session
    lock._session = None
    assert lock.check()
    assert ghost is not None
    ghost.invalidate()
