"""Killed at random moments, a pipeline ends with its one result, and each step is made once."""

import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scripts.shapes.asking import frames_of
from tests.live import LiveService, wait_until
from tests.stacks import Json, Stack, clip, longer, stack_of

FRAMES = 9 + 8 + 8
SLOW = {"step_seconds": 0.1}
PATIENCE = {"drain_seconds": 0, "backoff_seconds": 0, "lease_seconds": 5}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with stack_of(tmp_path, "toy_a", "toy_b", **PATIENCE) as stack:
        yield stack.start()


def post(stack: Stack) -> Json:
    return stack.post(
        clip("first", "toy_a", options=SLOW),
        longer("second", "toy_b", "first", options=SLOW),
        longer("third", "toy_a", "second", options=SLOW),
    )


def frames(stack: Stack, over: Json) -> NDArray[np.uint8]:
    """What it has made, whichever service it was."""
    assert over["state"] == "completed", over
    service = next(one for one in stack.services if one.outputs.name == over["result"]["service"])
    path = service.folder / "result.mp4"
    path.write_bytes(service.client.get(over["result"]["download"]).content)
    found: NDArray[np.uint8] = frames_of(path)
    return found


def kill(service: LiveService, what: str) -> None:
    """Its API process, its worker, or both; it runs again when this returns."""
    worker = service.worker_pid()
    if what != "api" and worker is not None:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    if what != "worker":
        service.kill()
        service.restart()


def check(stack: Stack, seed: int, kills: int) -> list[str]:
    """Answers what was killed, for who reads the log."""
    dice = random.Random(seed)
    began = time.monotonic()
    right = frames(stack, stack.end(post(stack)))
    length = time.monotonic() - began
    assert len(right) == FRAMES
    done = []
    for what in ["api", "worker", "both"] * kills:
        if len(done) == kills:
            break
        before, sent = set(stack.jobs()), post(stack)
        moment, victim = time.monotonic() + dice.random() * length, dice.choice(stack.services)
        wait_until(lambda moment=moment: time.monotonic() >= moment)
        kill(victim, what)
        over = stack.end(sent)
        assert np.array_equal(frames(stack, over), right)
        made = [step["job_id"] for step in over["steps"]]
        assert set(stack.jobs()) - before == set(made), "each step is made once"
        assert [step["earlier"] for step in over["steps"]] == [[], [], []]
        folders = [
            path for service in stack.services for job in made for path in service.videos(job)
        ]
        assert len(folders) == len(made)
        done.append(f"{what} of {victim.outputs.name}")
    return done


def test_killed_between_a_request_and_its_record(stack: Stack):
    """The moment that a random one seldom meets: the job is made, and nothing could be written."""
    first, second = stack.services
    second.kill()
    sent = stack.post(clip("first", "toy_b"), longer("second", "toy_a", "first"))
    stack.until(sent, 0, "sent")
    with closing(sqlite3.connect(first.database, isolation_level=None)) as locking:
        locking.execute("BEGIN IMMEDIATE")
        second.restart()
        (job,) = wait_until(second.jobs, what="the job is made")
        first.kill()
    first.restart()
    assert stack.read(sent)["steps"][0]["job_id"] is None, "of which nothing was known"
    over = stack.end(sent)
    assert over["state"] == "completed"
    assert over["steps"][0]["job_id"] == job["id"]
    assert len(stack.jobs()) == 2


def test_two_kills(stack: Stack):
    assert len(check(stack, seed=1, kills=2)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7])
def test_ten_kills_at_random_moments(stack: Stack, seed: int):
    done = check(stack, seed, kills=10)
    assert len(done) == 10
    assert {words.split()[0] for words in done} == {"api", "worker", "both"}
