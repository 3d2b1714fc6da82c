"""Many open event streams, read by a process of its own.

``python -m scripts.bench.watchers PORT JOB...``: one stream for each job named; says ``ready`` when
all have had their first event, reads until its input closes, then prints how many events came.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

CONNECTS_AT_ONCE = 50


@dataclass
class Watched:
    """What the watchers saw, once they have been let go."""

    events: int = 0


@contextmanager
def watching(port: int, jobs: list[str]) -> Iterator[Watched]:
    """Inside ``with`` every stream is open, and has had its first event."""
    command = [sys.executable, "-m", "scripts.bench.watchers", str(port), *jobs]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None  # noqa: S101  # asked for above
    child.stdout.readline()
    seen = Watched()
    try:
        yield seen
    finally:
        output, _ = child.communicate()
        seen.events = int(output or 0)


async def _main(port: int, jobs: list[str]) -> None:
    turn = asyncio.Semaphore(CONNECTS_AT_ONCE)
    counts = [0] * len(jobs)
    first = [asyncio.Event() for _ in jobs]

    async def watch(place: int) -> None:
        async with turn:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                f"GET /jobs/{jobs[place]}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            )
        async for line in reader:
            if line.startswith(b"event:"):
                counts[place] += 1
                first[place].set()
        writer.close()

    tasks = [asyncio.create_task(watch(place)) for place in range(len(jobs))]
    for event in first:
        await event.wait()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(sum(counts), flush=True)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2:]))
