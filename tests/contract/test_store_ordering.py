"""The order of the queue, as an admin changes it."""

import random
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import event, insert, select

from common.base.errors import InvalidRequest, JobConflict, JobNotFound, Unresolvable
from common.jobs.ordering import Beside, Edge, Side, Spot
from common.jobs.rows import to_row
from common.jobs.schema import LINE, PLACES, jobs, rank_of
from common.jobs.sql import SqlJobStore
from common.jobs.sql_ordering import FEW
from common.jobs.states import Event
from common.kinds.video import VIDEO_KIND
from tests.contract.test_store import claimed, new_job, submit
from tests.live import wait_until


def several(store: SqlJobStore, *priorities: int) -> list[str]:
    return ids_of(submit(store, priority=priority) for priority in priorities)


def many(store: SqlJobStore, count: int) -> list[str]:
    return ids_of(store.submit([new_job() for _ in range(count)], count))


def ids_of(found: Any) -> list[str]:
    return [job.id for job in found]


def line(store: SqlJobStore) -> list[str]:
    return ids_of(store.in_order(limit=20_000).jobs)


def check_line(store: SqlJobStore, expected: Sequence[str]) -> None:
    """Listed, counted and claimed in one order."""
    found = store.in_order(limit=1000).jobs
    assert ids_of(found) == list(expected)
    assert store.positions(found) == {job: place for place, job in enumerate(expected)}
    assert [store.position(job) for job in found] == list(range(len(expected)))
    assert sorted(found, key=lambda job: (rank_of(job), job.number)) == list(found)
    assert [claimed(store)[0] for _ in expected] == list(expected)


def spot(at: str, others: Sequence[str]) -> Spot:
    side, _, number = at.partition(" ")
    return Beside(Side(side), others[int(number)]) if number else Edge(side)


MOVES = (
    (3, "front", "3 0 1 2 4"),
    (0, "front", "0 1 2 3 4"),
    (1, "end", "0 2 3 4 1"),
    (4, "end", "0 1 2 3 4"),
    (4, "before 1", "0 4 1 2 3"),
    (4, "before 0", "4 0 1 2 3"),
    (0, "before 1", "0 1 2 3 4"),
    (0, "after 3", "1 2 3 0 4"),
    (0, "after 4", "1 2 3 4 0"),
    (1, "after 0", "0 1 2 3 4"),
)
"""Which of five jobs is moved, where to, and how they stand then."""


def test_a_job_stands_where_it_was_moved_to_and_the_others_stay_in_order(store: SqlJobStore):
    for moved, at, expected in MOVES:
        queued = several(store, 0, 0, 0, 0, 0)
        job = store.reorder(queued[moved], spot(at, queued))
        assert job == store.get(queued[moved])
        check_line(store, [queued[int(number)] for number in expected.split()])


def test_a_queue_of_one_has_one_order(store: SqlJobStore):
    (alone,) = several(store, 0)
    for edge in Edge:
        assert store.reorder(alone, edge).place is None
    check_line(store, [alone])


def test_a_move_overrules_priorities_and_those_who_come_later_have_theirs(store: SqlJobStore):
    low, normal, high = several(store, -1, 0, 1)
    store.reorder(low, Edge.FRONT)
    store.reorder(high, Edge.END)
    late, urgent = several(store, 0, 1)
    assert line(store)[:1] == [low], "it was put before an urgent one"
    check_line(store, [low, urgent, normal, high, late])


def test_between_two_of_one_rank(store: SqlJobStore):
    """An urgent job may have the rank of an old one: the number tells them apart."""
    queued = many(store, PLACES + 1)
    (urgent,) = several(store, 1)
    second = queued[1]
    assert line(store)[:4] == [queued[0], second, urgent, queued[2]]
    store.reorder(queued[-1], Beside(Side.BEFORE, urgent))
    store.reorder(queued[-2], Beside(Side.AFTER, second))
    expected = [queued[0], second, queued[-2], queued[-1], urgent, *queued[2:-2]]
    check_line(store, expected)


@pytest.mark.parametrize("side", Side)
def test_two_hundred_moves_into_one_gap(store: SqlJobStore, side: Side):
    queued = many(store, 20)
    expected = list(queued)
    for moved in random.Random(3).choices(queued[10:], k=200):
        store.reorder(moved, Beside(side, queued[5]))
        expected.remove(moved)
        expected.insert(expected.index(queued[5]) + (side is Side.AFTER), moved)
    assert line(store) == expected


def test_any_moves_in_any_order(store: SqlJobStore):
    rng = random.Random(7)
    queued = several(store, *(rng.choice((-1, 0, 1)) for _ in range(12)))
    expected = line(store)
    for _ in range(60):
        moved, other = rng.sample(queued, 2)
        where = rng.choice([*Edge, *Side])
        store.reorder(moved, where if isinstance(where, Edge) else Beside(where, other))
        expected.remove(moved)
        ends = {Edge.FRONT: 0, Edge.END: len(expected)}
        at = (
            expected.index(other) + (where is Side.AFTER)
            if isinstance(where, Side)
            else ends[where]
        )
        expected.insert(at, moved)
    check_line(store, expected)


def test_one_move_among_ten_thousand_writes_few_rows(store: SqlJobStore):
    row = to_row(new_job(), VIDEO_KIND.name) | {"created_at": 0.0, "place": None}
    rows = [row | {"id": str(number)} for number in range(10_000)]
    rows[4]["place"] = 4.0  # the rank of the one before it
    for some in range(0, len(rows), 1000):
        with store._writing() as connection:
            connection.execute(insert(jobs), rows[some : some + 1000])
    written: list[int] = []

    def count(_connection: Any, cursor: Any, text: str, *_: Any) -> None:
        written.append(cursor.rowcount if text.startswith("UPDATE") else 0)

    event.listen(store._engine, "after_cursor_execute", count)
    store.reorder("7000", Beside(Side.AFTER, "3"))
    assert 1 < sum(written) <= 1 + FEW, "room is made by a few of those behind"
    for where in (*Edge, Beside(Side.BEFORE, "5000"), Beside(Side.AFTER, "3")):
        written.clear()
        store.reorder("7000", where)
        assert sum(written) == 1
    event.remove(store._engine, "after_cursor_execute", count)
    order = [str(number) for number in range(10_000) if number != 7000]
    with store._reading() as connection:
        found = connection.execute(select(jobs.c.id).order_by(*LINE)).scalars().all()
    assert found == [*order[:4], "7000", *order[4:]]


def test_what_is_claimed_or_over_is_moved_no_more(store: SqlJobStore):
    first, second, third, fourth = several(store, 0, 0, 0, 0)
    claimed(store)
    store.cancel(second)
    for job, state in ((first, "waiting"), (second, "cancelled")):
        with pytest.raises(JobConflict, match=state) as moved:
            store.reorder(job, Edge.END)
        with pytest.raises(JobConflict, match=state) as beside:
            store.reorder(third, Beside(Side.AFTER, job))
        assert [one.value.body.param for one in (moved, beside)] == ["job", "after"]
    assert line(store) == [third, fourth]


def test_a_claim_that_is_a_moment_earlier_wins(store: SqlJobStore, url: str):
    """It is under way while the move looks for a place: the move waits, and finds it claimed."""
    first, _second = several(store, 0, 0)
    other = SqlJobStore(url, "toy", VIDEO_KIND)
    refused: list[str] = []

    def move() -> None:
        with pytest.raises(JobConflict) as conflict:
            other.reorder(first, Edge.END)
        refused.append(conflict.value.body.message)

    mover = threading.Thread(target=move)
    with store._writing() as connection:
        changes = store._claim_changes("w")
        assert store._move(connection, Event.CLAIM, jobs.c.id == first, changes)
        mover.start()
        if connection.dialect.name == "postgresql":  # SQLite lets nobody in, before or after
            held = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
            wait_until(lambda: connection.exec_driver_sql(held).scalar_one(), what="it waits")
    mover.join()
    other.close()
    assert refused == ["The job is waiting already."]


def test_what_is_not_there_is_moved_nowhere(store: SqlJobStore, url: str):
    another = SqlJobStore(url, "other", VIDEO_KIND)
    mine, theirs = submit(store, owner="ann").id, submit(store, owner="ben").id
    foreign = submit(another).id
    for job in ("none", foreign):
        for moved, where in ((job, Edge.FRONT), (mine, Beside(Side.BEFORE, job))):
            with pytest.raises(JobNotFound):
                store.reorder(moved, where)
    with pytest.raises(JobNotFound) as beside:
        store.seen_by("ann").reorder(mine, Beside(Side.AFTER, theirs))
    assert beside.value.body.param == "after"
    with pytest.raises(Unresolvable, match="beside itself"):
        store.reorder(mine, Beside(Side.AFTER, mine))
    store.reorder(theirs, Beside(Side.BEFORE, mine))
    assert line(another) == [foreign]
    assert ids_of(store.seen_by("ann").in_order().jobs) == [mine]
    assert store.position(store.get(mine)) == 1
    another.close()


def test_a_page_begins_where_the_last_one_ended_whatever_became_of_it(store: SqlJobStore):
    queued = several(store, 0, 0, 1, 0, 0)
    store.reorder(queued[4], Beside(Side.AFTER, queued[2]))
    page = store.in_order(limit=2)
    assert ids_of(page.jobs) == [queued[2], queued[4]]
    store.reorder(queued[4], Edge.END)
    claimed(store)
    page = store.in_order(limit=2, cursor=page.next_cursor)
    assert ids_of(page.jobs) == [queued[0], queued[1]]
    page = store.in_order(limit=2, cursor=page.next_cursor)
    assert ids_of(page.jobs) == [queued[3], queued[4]]
    assert page.next_cursor is None
    with pytest.raises(InvalidRequest, match="cursor"):
        store.in_order(cursor="12")


def test_a_job_that_comes_back_stands_where_it_stood(store: SqlJobStore, url: str):
    first, second, third = several(store, 0, 0, 0)
    store.reorder(third, Edge.FRONT)
    job_id, token = claimed(store)
    assert job_id == third
    store.release(job_id, token)
    again = SqlJobStore(url, "toy", VIDEO_KIND)
    assert line(again) == [third, first, second]
    again.close()


def test_jobs_that_stand_together_are_made_together(store: SqlJobStore):
    red, blue, other = (submit(store, shape=shape).id for shape in ("a", "b", "a"))
    store.reorder(other, Beside(Side.AFTER, red))
    head = store.claim("w")
    assert head is not None
    assert ids_of(store.claim_more("w", head, 8)) == [other]
    assert line(store) == [blue]


def test_what_stands_in_front_is_looked_at_first(store: SqlJobStore):
    """Estimates are made for the first of the queue: those that were moved there, too."""
    queued = several(store, 0, 0, 0)
    running, _ = claimed(store)
    store.reorder(queued[2], Edge.FRONT)
    standing = {one.id: one for one in store.standing(1)}
    assert standing.keys() == {running, queued[2]}
    assert standing[queued[2]].place == store.get(queued[2]).place is not None
