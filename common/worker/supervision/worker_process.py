"""A worker as a child process, and the pipe to it."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from pydantic import BaseModel, ValidationError

from common.base.logs import get_logger
from common.contract.messages import Report, parse_report, to_line

log = get_logger("supervisor")


class WorkerProcess(Protocol):
    """One life of a worker."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def send(self, message: BaseModel) -> None:
        """Tell it something; nothing happens if it is gone."""

    def reports(self) -> AsyncIterator[Report]:
        """What it says, until its end of the pipe closes."""

    def terminate(self) -> None:
        """Ask it to leave at once (SIGTERM)."""

    def kill(self) -> None:
        """End it and its children (SIGKILL)."""

    async def wait(self) -> int:
        """Its exit code; negative is the signal that killed it."""


class ChildWorker:
    """The real one: ``python -m common.worker <spec>`` in a session of its own.

    Its own session, so that Ctrl-C at the terminal reaches the API process alone, which drains.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def spawn(cls, spec: str, environment: Mapping[str, str]) -> "ChildWorker":
        """Start a worker for the SPEC at this address; it gets this environment and no other."""
        ours, theirs = socket.socketpair()
        with theirs:
            command = ["-m", "common.worker", spec, "--control-fd", str(theirs.fileno())]
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env=environment,
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: BaseModel) -> None:
        if not self._writer.is_closing():
            self._writer.write(to_line(message))

    async def reports(self) -> AsyncIterator[Report]:
        with contextlib.suppress(ConnectionError):
            async for line in self._reader:
                try:
                    yield parse_report(line)
                except ValidationError:
                    log.warning("unknown report", extra={"line": line.decode(errors="replace")})

    def terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> int:
        code = await self._process.wait()
        self._writer.close()
        return code


def describe_exit(code: int) -> str:
    """An exit code in words, for the client whose job it ended."""
    if code >= 0:
        return f"the worker process ended with code {code}"
    hint = " (often: out of memory)" if -code == signal.SIGKILL else ""
    return f"the worker process was killed by {_name(-code)}{hint}"


def _name(number: int) -> str:
    """Most real-time signals have no name of their own."""
    named = number in set(signal.Signals)
    return signal.Signals(number).name if named else f"signal {number}"
