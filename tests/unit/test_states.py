"""The table of legal moves."""

import pytest

from common.jobs.states import CLAIMED, ENDED, UNFINISHED, Event, JobState, moves


def test_an_end_is_an_end():
    for event in Event:
        assert not ENDED & set(moves(event))


def test_every_state_is_reached_and_left():
    targets = {target for event in Event for target in moves(event).values()}
    sources = {source for event in Event for source in moves(event)}
    assert targets == set(JobState)
    assert sources == UNFINISHED


def test_a_job_that_is_being_cancelled_can_only_end_cancelled():
    ends = {moves(event).get(JobState.CANCELLING) for event in Event}
    assert ends == {None, JobState.CANCELLING, JobState.CANCELLED}


@pytest.mark.parametrize("event", [Event.WAIT, Event.LOAD, Event.RUN, Event.COMPLETE, Event.FAIL])
def test_only_a_claimed_job_moves_on(event: Event):
    assert set(moves(event)) <= CLAIMED
