"""The door's parts by themselves: what JSON costs, who may send how much, what is logged."""

import json
import logging

import pytest

from common.api.bodies import json_bounds
from common.api.bodies.json_bounds import MOST_DEPTH, MOST_VALUES, check_json
from common.api.door.process import Seldom, connections_within
from common.api.door.purse import Purse
from common.base.errors import InvalidRequest
from common.base.errors.access import BodiesUnderWay
from common.base.settings import MIB

SLICE = json_bounds._SLICE


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_json_is_as_deep_and_as_long_as_it_may_be():
    check_json(nested(MOST_DEPTH))
    check_json(json.dumps([0] * MOST_VALUES).encode())
    with pytest.raises(InvalidRequest, match="levels deep"):
        check_json(nested(MOST_DEPTH + 1))
    with pytest.raises(InvalidRequest, match="values"):
        check_json(json.dumps([0] * (MOST_VALUES + 2)).encode())


@pytest.mark.parametrize("text", ['"', "\\", '\\"', '"[{,', "\\\\", "ã"])
def test_what_stands_in_strings_is_not_counted(text: str):
    check_json(json.dumps({"prompt": text * 100_000, "negative": "[{,]" * 30_000}).encode())


@pytest.mark.parametrize("before", [SLICE - 2, SLICE - 1, SLICE, SLICE + 1])
@pytest.mark.parametrize("escape", [rb"\"", rb"\\", rb"\\\""])
def test_an_escape_may_lie_where_two_slices_meet(before: int, escape: bytes):
    """A quote that is taken for the end of a string, or not taken for it, turns all after it."""
    text = b'["' + b"x" * (before - 2) + escape + b'","' + b"[" * (MOST_VALUES * 2) + b'"]'
    assert len(json.loads(text)) == 2
    check_json(text)
    outside = b'["' + b"x" * (before - 2) + escape + b'",' + nested(MOST_DEPTH) + b"]"
    with pytest.raises(InvalidRequest, match="levels deep"):
        check_json(outside)


def test_a_caller_has_half_of_a_purse_and_always_one_body():
    purse = Purse("uploads", "MAX_UPLOADS_MB", 10 * MIB, 4 * MIB)
    purse.take("a", 5 * MIB)
    with pytest.raises(BodiesUnderWay, match="5 MB of your uploads"):
        purse.take("a", 1)
    purse.take("b", 5 * MIB)
    with pytest.raises(BodiesUnderWay, match="10 MB of uploads"):
        purse.take("c", 1)
    purse.give_back("a", 5 * MIB)
    purse.take("c", 1)
    assert purse.taken == 5 * MIB + 1
    Purse("uploads", "MAX_UPLOADS_MB", 1 * MIB, 4 * MIB).take("a", 4 * MIB)


@pytest.mark.parametrize(("limit", "most"), [(65_536, 2000), (1024, 824), (256, 128), (64, 32)])
def test_some_descriptors_are_kept(limit: int, most: int):
    assert connections_within(limit, 2000) == most


def test_a_line_that_strangers_cause_is_logged_once_a_minute_with_its_count():
    now = [0.0]
    seldom = Seldom(lambda: now[0])

    def said(words: str) -> str | None:
        record = logging.makeLogRecord({"msg": words, "levelno": logging.ERROR})
        return record.getMessage() if seldom.filter(record) else None

    accept = "socket.accept() out of system resource\nsocket: <asyncio.TransportSocket fd=9>"
    assert said(accept)
    assert [said(accept) for _ in range(3)] == [None] * 3
    assert said("Exception in ASGI application\n")
    assert said("Exception in ASGI application\n")
    now[0] = 60
    assert "(3 more" in (said(accept) or "")
