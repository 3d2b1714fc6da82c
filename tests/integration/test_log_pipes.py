"""Nobody reads what a service says, or whoever did has gone: jobs and answers go on."""

import fcntl
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.live import LiveService

PIPE_BYTES = 4096
"""The least that Linux gives; usually it is 65,536."""


class PipedService(LiveService):
    """Its standard output and error are a pipe, and we hold the other end."""

    def launch(self) -> None:
        self.reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        place: dict[str, Any] = {"cwd": self.folder, "env": self._environment()}
        command = [sys.executable, "-m", self.module]
        self._process = subprocess.Popen(command, stdout=writing, stderr=writing, **place)
        self.writing = writing

    def log(self, lines: int = 80) -> str:
        return "it went into the pipe"

    def close(self) -> None:
        for end in (self.reading, self.writing):
            with suppress(OSError):
                os.close(end)
        super().close()


@pytest.fixture
def piped(tmp_path: Path) -> Iterator[PipedService]:
    service = PipedService(tmp_path, log_level="DEBUG")
    service.start()
    yield service
    service.close()


def say_much(service: LiveService) -> None:
    """More than the pipe takes: the worker tells a traceback, the service that it ended."""
    for _ in range(3):
        job_id = service.submit({"raise_at": "denoising"})
        service.wait_for(job_id, "failed", timeout=40)


def test_a_log_that_nobody_reads_stops_nothing(piped: PipedService):
    say_much(piped)
    _, writable, _ = select.select([], [piped.writing], [], 0)
    assert not writable, "the pipe is full"
    assert piped.finish(timeout=60)["state"] == "completed"
    piped.process.terminate()
    assert piped.process.wait(20) == 0, "an exit does not wait for a reader either"


@pytest.mark.slow
def test_what_is_missing_is_said_when_somebody_reads_again(piped: PipedService):
    say_much(piped)
    piped.process.terminate()
    os.close(piped.writing)
    with os.fdopen(piped.reading, "rb", closefd=False) as log:
        said = log.read()
    assert piped.process.wait(20) == 0
    assert b"secret inside of the toy model" in said


def test_a_reader_that_has_gone_stops_nothing(piped: PipedService):
    os.close(piped.writing)
    os.close(piped.reading)
    say_much(piped)
    assert piped.finish(timeout=60)["state"] == "completed"
    piped.process.terminate()
    assert piped.process.wait(20) == 0
