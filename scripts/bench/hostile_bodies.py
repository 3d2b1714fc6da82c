"""Strangers who send hostile requests, many at once, and come again a while after each answer.

``python -m scripts.bench.hostile_bodies PORT COUNT JOB ADDRESS...``: says ``ready``, begins at a
line of input, ends when it closes, then prints what came of all of them.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict

from scripts.bench.hostile_payloads import Payload, payloads
from scripts.bench.hostile_wire import Outcome, be_a_stranger, exchange

PATIENCE_SECONDS = 90.0
UNDER_WAY = "under way at the end"
REST_SECONDS = 5.0
"""Without it the strangers' own sending would be all that the machine does."""


async def _stranger(
    port: int, address: str, kinds: list[Payload], first: int, outcomes: list[Outcome]
) -> None:
    place = first
    while True:
        kind = kinds[place % len(kinds)]
        began = time.monotonic()
        try:
            outcome = await exchange(port, address, kind.name, kind.parts, PATIENCE_SECONDS)
        except asyncio.CancelledError:
            outcomes.append(Outcome(kind.name, UNDER_WAY, time.monotonic() - began, began))
            raise
        outcomes.append(outcome)
        await asyncio.sleep(REST_SECONDS)
        place += 1


async def _main(port: int, count: int, job: str, addresses: list[str]) -> None:
    be_a_stranger()
    kinds, outcomes = payloads(job), list[Outcome]()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    strangers = [
        asyncio.create_task(
            _stranger(port, addresses[place % len(addresses)], kinds, place, outcomes)
        )
        for place in range(count)
    ]
    await asyncio.to_thread(sys.stdin.read)
    for stranger in strangers:
        stranger.cancel()
    await asyncio.gather(*strangers, return_exceptions=True)
    print(json.dumps([asdict(outcome) for outcome in outcomes]))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
