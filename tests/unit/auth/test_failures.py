"""Guessing keys: it is counted, told, and slower each time, whoever else has the address."""

import asyncio
import logging
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from common.api.auth import failures
from common.api.auth.failures import ADDRESSES, FREE, LINES, MOST_SECONDS, Failures


class World:
    """Failures with a clock that stands still, and the waits that they asked for."""

    def __init__(self) -> None:
        self.now, self.waits = 0.0, list[float]()
        self.failures = Failures("toy", lambda: self.now, self._pause)

    async def _pause(self, seconds: float) -> None:
        self.waits.append(seconds)

    def fail(self, *addresses: str) -> None:
        async def note() -> None:
            for address in addresses:
                await self.failures.note(address)

        asyncio.run(note())

    def total(self) -> float | None:
        registry = CollectorRegistry()
        registry.register(self.failures)
        return registry.get_sample_value("videosdgx_sign_ins_refused_total", {"model": "toy"})


@pytest.fixture
def world() -> Iterator[World]:
    return World()


def test_the_wait_grows_to_a_bound_and_is_forgiven(world: World):
    assert world.total() == 0
    world.fail(*["10.0.0.1"] * (FREE + 8))
    assert world.waits == [0.25, 0.5, 1, 2, 4, 4, 4, 4]
    assert world.waits[-1] == MOST_SECONDS
    world.fail(*["10.0.0.2"] * FREE)
    assert len(world.waits) == 8, "another address is another"
    world.now += failures.FORGIVEN_SECONDS + 1
    world.fail("10.0.0.1")
    assert len(world.waits) == 8
    assert world.total() == 2 * FREE + 9
    world.fail(*["10.0.0.1"] * 5000)
    assert world.waits[-1] == MOST_SECONDS, "no number is too large"


def test_a_subnet_is_one_address(world: World):
    world.fail(*(f"2001:db8::{number:x}" for number in range(FREE)))
    assert world.waits == []
    world.fail("2001:db8::ffff:1%eth0", "2001:db8:0:1::1", "::ffff:10.0.0.1", "::ffff:10.0.0.2")
    assert world.waits == [0.25]


def test_memory_is_bounded_and_the_quiet_are_forgotten(world: World):
    world.fail(*["10.9.9.9"] * FREE)
    world.fail(*(f"10.0.{number // 256}.{number % 256}" for number in range(ADDRESSES - 1)))
    world.fail("10.9.9.9")
    assert world.waits == [0.25]
    world.fail(*(f"10.1.{number // 256}.{number % 256}" for number in range(ADDRESSES)), "10.9.9.9")
    assert world.waits == [0.25], "it was quiet for longest"


def test_the_log_is_told_so_much_and_no_more(world: World, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    world.fail(*["10.0.0.1"] * (LINES + 30))
    assert len(caplog.records) == LINES
    assert vars(caplog.records[-1]) | {"address": "10.0.0.1", "in_a_row": LINES} == vars(
        caplog.records[-1]
    )
    world.now += 61
    world.fail("10.0.0.1")
    assert [vars(record).get("more") for record in caplog.records[LINES:]] == [30, None]
