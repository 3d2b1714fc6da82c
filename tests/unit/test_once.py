"""Two requests with one key at the same time, and what makes two requests the same."""

import asyncio
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from fastapi import Response

from common.api.bodies.body import Body, Upload
from common.api.bodies.once import Once, checked_key, fingerprint_of
from common.api.door.openai_errors import openai_answer
from common.base.errors import InvalidRequest
from common.base.errors.queue import KeyInUse
from common.jobs.database import sqlite_url
from common.jobs.model import Job, KeyUse
from common.jobs.queue import JobQueue
from common.jobs.sql import SqlJobStore
from common.kinds.video import VIDEO_KIND
from common.kinds.video.frame_size import Picture
from common.kinds.video.requests import GenerateRequest
from tests.contract.test_store import new_job


def body(content: bytes | None = None, remix_of: str | None = None, **fields: Any) -> Body:
    picture = Picture("a.png", 1, 1)
    uploads = (Upload(BytesIO(content), picture, "png"),) if content else ()
    return Body(GenerateRequest(prompt="x", **fields), uploads, remix_of)


def test_while_one_is_answered_the_other_is_told_to_come_back(tmp_path: Path):
    asyncio.run(
        _one_and_the_other(JobQueue(SqlJobStore(sqlite_url(tmp_path / "db"), "toy", VIDEO_KIND), 9))
    )


async def _one_and_the_other(queue: JobQueue) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    under_way: set[tuple[str, str]] = set()
    first_id = token_hex(16)

    async def make(use: KeyUse | None) -> Job:
        begun.set()
        await go_on.wait()
        return await queue.submit(new_job(key=use).model_copy(update={"id": first_id}))

    def request(owner: str = "") -> Once:
        return Once(queue, under_way, Response(), 60, owner, "k")

    first = asyncio.create_task(request().job(first_id, body(), make))
    await begun.wait()
    second = request()
    with pytest.raises(KeyInUse) as refusal:
        await second.job(token_hex(16), body(), make)
    assert refusal.value.headers == {"Retry-After": "1"}
    go_on.set()
    made = await first
    assert (await second.job(token_hex(16), body(), make)).id == made.id == first_id
    assert second.response.headers["idempotent-replayed"] == "true"
    assert under_way == set()
    queue.close()


def test_openais_client_is_told_to_come_back_too():
    body = KeyInUse("under way").body
    assert "x-should-retry" not in openai_answer(409, body, {"Retry-After": "1"}).headers
    assert openai_answer(409, body).headers["x-should-retry"] == "false"


def test_the_same_wish_has_the_same_fingerprint():
    assert fingerprint_of(body()) == fingerprint_of(body(priority="normal", options={}))
    assert fingerprint_of(body(b"one")) == fingerprint_of(body(b"one"))


def test_every_part_of_a_wish_counts():
    prints = [
        fingerprint_of(body()),
        fingerprint_of(body(seed=1)),
        fingerprint_of(body(options={"flow_shift": 3})),
        fingerprint_of(body(b"one")),
        fingerprint_of(body(b"two")),
        fingerprint_of(body(remix_of="a")),
        fingerprint_of(body(), body()),
    ]
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize("key", ["a", "!~", "x" * 255, "7d1f0b1c-7c1e-4c26-a9a2-1f3c50b4a1de"])
def test_visible_ascii_is_a_key(key: str):
    assert checked_key(key) == key


@pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "é", "x" * 256, "\x7f"])
def test_anything_else_is_none(key: str):
    with pytest.raises(InvalidRequest):
        checked_key(key)
