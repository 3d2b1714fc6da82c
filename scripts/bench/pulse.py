"""Takes a service's pulse: ``/health`` every few milliseconds, from a process of its own.

``python -m scripts.bench.pulse PORT``: until its input closes; then JSON on stdout.
"""

import json
import select
import subprocess
import sys
import time
from types import TracebackType
from typing import Self

from scripts.bench.connection import Connection, get

EVERY_SECONDS = 0.005


class Pulse:
    """Inside ``with`` it beats; afterwards ``beats`` are (moment, seconds of the answer).

    A moment is on ``time.monotonic``, which all processes share.
    """

    def __init__(self, port: int) -> None:
        self.beats: list[tuple[float, float]] = []
        self._child = subprocess.Popen(
            [sys.executable, "-m", "scripts.bench.pulse", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        output, _ = self._child.communicate()
        self.beats = [(moment, seconds) for moment, seconds in json.loads(output)]


def main() -> None:
    """Be the child process."""
    connection, request = Connection(int(sys.argv[1])), get("/health")
    beats: list[tuple[float, float]] = []
    due = time.monotonic()
    while not select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
        now = time.monotonic()
        beats.append((now, connection.exchange(request)[1]))
        due = max(due + EVERY_SECONDS, now)
    print(json.dumps(beats))


if __name__ == "__main__":
    main()
