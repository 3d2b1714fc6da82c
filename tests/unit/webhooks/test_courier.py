"""Deliveries to a real receiver, with the days in the test's hands."""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from common.base.settings import Settings
from common.jobs.database import sqlite_url
from common.jobs.outbox import Delivery, DeliveryState
from common.jobs.queue import JobQueue
from common.jobs.sql import SqlJobStore
from common.jobs.webhooks.courier import MAX_FOR_ONE_HOST, Courier
from common.jobs.webhooks.post import Postman
from common.jobs.webhooks.signing import open_signer
from common.kinds.video import VIDEO_KIND
from tests.contract.test_outbox import ended
from tests.receivers import OTHER_SECRET, SECRET, Receiver, Reply, receiver

FAILS = Reply(500)
DAY = 86_400


class Clock:
    """Begins now, since the official library refuses signatures of other days."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def target() -> Iterator[Receiver]:
    with receiver() as opened:
        yield opened


@dataclass
class Office:
    """A store, a courier, and the time."""

    store: SqlJobStore
    courier: Courier
    clock: Clock

    def job(self, url: str) -> str:
        return ended(self.store, url=url)

    def told(self, job_id: str) -> Delivery:
        found = self.store.delivery(job_id)
        assert found is not None
        return found

    async def after(self, seconds: float = 0) -> None:
        """Let time pass, and everything be tried that is due then."""
        self.clock.now += seconds
        while await self.courier.begin_due():
            await self.courier.settled()


Play = Callable[[Office], Coroutine[Any, Any, None]]
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    def run(story: Play, resolve: Resolve | None = None, **fields: object) -> None:
        wishes: dict[str, object] = {
            "webhooks_allowed": True,
            "webhook_secret": SecretStr(f"{SECRET} {OTHER_SECRET}"),
            "webhook_allow_http": True,
            "webhook_allow_private": True,
            "webhook_ports": "any",
        }
        settings = Settings(_env_file=None, **(wishes | fields))  # type: ignore[arg-type]
        signer = open_signer(settings)
        assert signer is not None
        clock = Clock()
        store = SqlJobStore(sqlite_url(tmp_path / "jobs.db"), "toy", VIDEO_KIND, clock)
        queue = JobQueue(store, 100)
        extra = {} if resolve is None else {"resolve": resolve}
        post = Postman(settings, signer, clock, **extra).post
        courier = Courier(queue, post, settings, chance=lambda: 0.0)
        try:
            asyncio.run(story(Office(store, courier, clock)))
        finally:
            queue.close()

    return run


def test_a_receiver_can_verify_what_it_is_told(play: Callable[..., None], target: Receiver):
    async def story(office: Office) -> None:
        job_id = office.job(target.url)
        await office.after()
        (told,) = target.told
        for secret in (SECRET, OTHER_SECRET):
            event = Webhook(secret).verify(told.body, told.headers)
            assert event["type"] == "job.completed"
            assert event["data"]["id"] == job_id
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(told.body + b" ", told.headers)
        assert told.path == "/hook?token=t"
        assert told.headers["webhook-id"] == f"msg_{job_id}"
        assert told.headers["host"] == f"127.0.0.1:{target.port}"
        assert office.told(job_id).state is DeliveryState.DELIVERED
        await office.after(30 * DAY)
        assert len(target.told) == 1

    play(story)


def test_tried_for_days_under_one_id_and_then_given_up(play: Callable[..., None], target: Receiver):
    target.answers(FAILS)

    async def story(office: Office) -> None:
        job_id = office.job(target.url)
        await office.after()
        for wait in office.courier.settings.webhook_waits:
            await office.after(wait - 1)
            before = len(target.told)
            await office.after(1)
            assert len(target.told) == before + 1
        assert len(target.told) == 10
        assert len({told.headers["webhook-id"] for told in target.told}) == 1
        assert len({told.body for told in target.told}) == 1
        assert len({told.headers["webhook-timestamp"] for told in target.told}) == 10
        assert office.told(job_id).state is DeliveryState.GIVEN_UP
        assert [one.status for one in office.told(job_id).attempts] == [500] * 10
        await office.after(30 * DAY)
        assert len(target.told) == 10

    play(story)


def test_it_gets_through_in_the_end(play: Callable[..., None], target: Receiver):
    target.answers(FAILS, FAILS, Reply(204))

    async def story(office: Office) -> None:
        job_id = office.job(target.url)
        for wait in (0, 5, 300):
            await office.after(wait)
        told = office.told(job_id)
        assert [one.status for one in told.attempts] == [500, 500, 204]
        assert told.state is DeliveryState.DELIVERED

    play(story)


def test_410_ends_it(play: Callable[..., None], target: Receiver):
    target.answers(Reply(410))

    async def story(office: Office) -> None:
        job_id = office.job(target.url)
        await office.after()
        await office.after(30 * DAY)
        assert len(target.told) == 1
        assert office.told(job_id).state is DeliveryState.GONE

    play(story)


@pytest.mark.parametrize(
    ("wish", "wait"),
    [
        ("120", 120),
        ("1", 5),
        ("9999999", DAY),
        ("soon", 5),
        (f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT", 5),
    ],
)
def test_a_receiver_may_wish_for_a_longer_wait(
    play: Callable[..., None], target: Receiver, wish: str, wait: float
):
    target.answers(Reply(429, {"Retry-After": wish}), Reply())

    async def story(office: Office) -> None:
        job_id = office.job(target.url)
        await office.after()
        assert office.told(job_id).next_at == office.clock.now + wait
        await office.after(wait - 1)
        assert len(target.told) == 1
        await office.after(1)
        assert office.told(job_id).state is DeliveryState.DELIVERED

    play(story)


def test_the_wish_may_be_a_date(play: Callable[..., None], target: Receiver):
    async def story(office: Office) -> None:
        wish = formatdate(int(office.clock.now) + 120, usegmt=True)
        target.answers(Reply(503, {"Retry-After": wish}))
        job_id = office.job(target.url)
        await office.after()
        wait = office.told(job_id).next_at - office.clock.now
        assert wait == pytest.approx(120, abs=1)

    play(story)


def test_a_redirect_is_not_followed(play: Callable[..., None], target: Receiver):
    with receiver() as inside:
        target.answers(Reply(302, {"Location": inside.url}))

        async def story(office: Office) -> None:
            job_id = office.job(target.url)
            await office.after()
            assert office.told(job_id).attempts[0].status == 302
            assert office.told(job_id).state is DeliveryState.PENDING

        play(story)
        assert inside.told == []


def test_an_endless_answer_is_not_read(play: Callable[..., None], target: Receiver):
    target.answers(Reply(200, {"Content-Length": "99999999999"}, b"x" * 100_000))

    async def story(office: Office) -> None:
        job_id = office.job(target.url)
        await office.after()
        assert office.told(job_id).state is DeliveryState.DELIVERED

    play(story)


def test_one_receiver_that_hangs_leaves_the_others_alone(
    play: Callable[..., None], target: Receiver
):
    target.answers(Reply(hangs=True))

    async def story(office: Office) -> None:
        for _ in range(MAX_FOR_ONE_HOST + 3):
            office.job(target.url)
        with receiver() as healthy:
            job_id = office.job(healthy.url)
            assert await office.courier.begin_due() == MAX_FOR_ONE_HOST + 1
            assert await asyncio.to_thread(healthy.came.wait, 5)
            await office.courier.settled()
            assert office.told(job_id).state is DeliveryState.DELIVERED
        assert len(target.told) == MAX_FOR_ONE_HOST

    play(story, webhook_timeout_seconds=1)


def test_an_answer_that_does_not_come_is_tried_again(play: Callable[..., None], target: Receiver):
    target.answers(Reply(hangs=True), Reply())

    async def story(office: Office) -> None:
        job_id = office.job(target.url)
        await office.after()
        assert office.told(job_id).attempts[0].error == "no answer in time"
        await office.after(5)
        assert office.told(job_id).state is DeliveryState.DELIVERED

    play(story, webhook_timeout_seconds=2)  # the second answer has to come in time, on any machine


def test_a_name_that_leads_inside_is_not_called(play: Callable[..., None], target: Receiver):
    answers = [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:127.0.0.1"], []]

    async def lies(_host: str, _port: int) -> Sequence[str]:
        return answers.pop(0)

    async def story(office: Office) -> None:
        job_id = office.job(f"http://example.org:{target.port}/hook")
        for wait in (0, 5, 300, 1800):
            await office.after(wait)
        said = [one.error for one in office.told(job_id).attempts]
        assert said == ["the address is not allowed"] * 3 + ["no connection"]

    play(story, resolve=lies, webhook_allow_private=False)
    assert target.told == []


def test_a_name_is_asked_for_once_and_its_answer_is_what_is_called(
    play: Callable[..., None], target: Receiver
):
    asked: list[str] = []

    async def rebinds(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    async def story(office: Office) -> None:
        job_id = office.job(f"http://example.org:{target.port}/hook")
        await office.after()
        assert office.told(job_id).state is DeliveryState.DELIVERED

    play(story, resolve=rebinds)
    assert asked == ["example.org"]
    assert target.told[0].headers["host"] == f"example.org:{target.port}"


def test_proxies_of_the_environment_are_ignored(
    play: Callable[..., None], target: Receiver, monkeypatch: pytest.MonkeyPatch
):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def story(office: Office) -> None:
        office.job(target.url)
        await office.after()

    play(story)
    assert len(target.told) == 1


def test_a_database_that_is_away_ends_nothing(
    play: Callable[..., None], target: Receiver, tmp_path: Path
):
    waits = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            waits.set()

    def rename(old: str, new: str) -> None:
        with closing(sqlite3.connect(tmp_path / "jobs.db")) as connection:
            connection.execute(f"ALTER TABLE {old} RENAME TO {new}")

    async def story(office: Office) -> None:
        job_id = office.job(target.url)
        rename("webhook_deliveries", "away")
        running = asyncio.create_task(office.courier.run())
        assert await asyncio.to_thread(waits.wait, 5)
        rename("away", "webhook_deliveries")
        assert await asyncio.to_thread(target.came.wait, 5)
        await office.courier.settled()
        assert office.told(job_id).state is DeliveryState.DELIVERED
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    listener = Listener(logging.WARNING)
    logging.getLogger("videosdgx.webhooks").addHandler(listener)
    try:
        play(story)
    finally:
        logging.getLogger("videosdgx.webhooks").removeHandler(listener)


def test_what_a_dead_sender_held_is_sent_by_the_next(play: Callable[..., None], target: Receiver):
    async def story(office: Office) -> None:
        job_id = office.job(target.url)
        assert office.store.claim_delivery(15) is not None  # and then nothing more is heard of it
        await office.after(14)
        assert target.told == []
        await office.after(1)
        assert office.told(job_id).state is DeliveryState.DELIVERED

    play(story)


def test_a_clock_that_leaps_ahead_costs_one_attempt(play: Callable[..., None], target: Receiver):
    target.answers(FAILS)

    async def story(office: Office) -> None:
        job_id = office.job(target.url)
        await office.after()
        await office.after(365 * DAY)
        assert len(target.told) == len(office.told(job_id).attempts) == 2
        assert office.told(job_id).state is DeliveryState.PENDING

    play(story)
