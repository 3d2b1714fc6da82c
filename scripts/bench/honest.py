"""Guests who behave: a job each second, now and then a picture, a video and a ZIP; and a probe.

``python -m scripts.bench.honest PORT ADDRESS JOB BATCH``: until its input closes; then JSON on
stdout. Every request comes on a new connection, as a probe's and a browser's first one do.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from scripts.bench.connection import get, post
from scripts.bench.hostile_files import honest_picture
from scripts.bench.hostile_payloads import form
from scripts.bench.hostile_wire import Outcome, exchange
from scripts.service_process import HOST

HEALTH, JOB, PICTURE, VIDEO, ZIP = "/health", "a job", "a picture", "a video", "a ZIP"
EVERY_SECONDS = {HEALTH: 0.05, JOB: 1.0, PICTURE: 2.0, VIDEO: 1.0, ZIP: 2.0}
PATIENCE_SECONDS = 10.0


@dataclass
class Visits:
    """What the guests saw, once they have left."""

    outcomes: list[Outcome] = field(default_factory=list)


@contextmanager
def visiting(port: int, address: str, job: str, batch: str) -> Iterator[Visits]:
    """Inside ``with`` they come and go."""
    command = [sys.executable, "-m", "scripts.bench.honest", str(port), address, job, batch]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None  # noqa: S101  # asked for above
    child.stdout.readline()
    seen = Visits()
    try:
        yield seen
    finally:
        output, _ = child.communicate()
        seen.outcomes = [Outcome(**outcome) for outcome in json.loads(output)]


def _requests(job: str, batch: str) -> dict[str, bytes]:
    wish = {"prompt": "a bar", "num_frames": 5, "num_inference_steps": 1}
    return {
        HEALTH: get("/health"),
        JOB: post("/generate", json.dumps(wish).encode()),
        PICTURE: form("/generate", wish, image=honest_picture()),
        VIDEO: get(f"/jobs/{job}/download"),
        ZIP: get(f"/batches/{batch}/download"),
    }


async def _come(
    port: int, address: str, name: str, request: bytes, outcomes: list[Outcome]
) -> None:
    """Whether the last one was answered or not: another guest does not wait for it."""
    due, going = time.monotonic(), set[asyncio.Task[None]]()

    async def visit() -> None:
        outcomes.append(await exchange(port, address, name, [request], PATIENCE_SECONDS))

    try:
        while True:
            task = asyncio.create_task(visit())
            going.add(task)
            task.add_done_callback(going.discard)
            due = max(due + EVERY_SECONDS[name], time.monotonic())
            await asyncio.sleep(due - time.monotonic())
    finally:
        await asyncio.gather(*going)


async def _main(port: int, address: str, job: str, batch: str) -> None:
    requests, outcomes = _requests(job, batch), list[Outcome]()
    guests = [
        asyncio.create_task(
            _come(port, HOST if name == HEALTH else address, name, bytes_, outcomes)
        )
        for name, bytes_ in requests.items()
    ]
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for guest in guests:
        guest.cancel()
    await asyncio.gather(*guests, return_exceptions=True)
    print(json.dumps([asdict(outcome) for outcome in outcomes]))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), *sys.argv[2:5]))
