"""Sends requests as fast as they are answered, from a process of its own; JSON on stdout.

``python -m scripts.bench.hammer PORT COUNT CLIENTS BODY``: COUNT posts in all.
"""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from scripts.bench.connection import Connection, post

WARM_UP = 5


@dataclass(frozen=True)
class Blows:
    """What came of it. ``client_cpu_seconds`` shows whether the client was in the way."""

    latencies: list[float]
    wall_seconds: float
    client_cpu_seconds: float
    refused: int


def hammer(port: int, count: int, clients: int, body: dict[str, object]) -> Blows:
    """Do it in a child process."""
    command = [sys.executable, "-m", "scripts.bench.hammer"]
    arguments = [str(port), str(count), str(clients), json.dumps(body)]
    done = subprocess.run([*command, *arguments], check=True, stdout=subprocess.PIPE)
    return Blows(**json.loads(done.stdout))


def main() -> None:
    """Be the child process."""
    port, count, clients = map(int, sys.argv[1:4])
    request = post("/generate", sys.argv[4].encode())
    connections = [Connection(port) for _ in range(clients)]
    for connection in connections:
        for _ in range(WARM_UP):
            connection.exchange(request)

    def client(connection: Connection) -> list[tuple[int, float]]:
        return [connection.exchange(request) for _ in range(count // clients)]

    with ThreadPoolExecutor(clients) as threads:
        cpu, started = time.process_time(), time.perf_counter()
        answers = [answer for answers in threads.map(client, connections) for answer in answers]
        wall = time.perf_counter() - started
    blows = Blows(
        latencies=[seconds for _, seconds in answers],
        wall_seconds=wall,
        client_cpu_seconds=time.process_time() - cpu,
        refused=sum(status != 202 for status, _ in answers),
    )
    print(json.dumps(asdict(blows)))


if __name__ == "__main__":
    main()
