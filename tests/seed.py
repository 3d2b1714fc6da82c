"""Workers of a service that was forked begin as forks too: half of their CPU time was imports.

Beside such a service stands a seed, forked from it before it had threads, files or sockets. Asked
for a worker it forks twice: whoever is in the middle ends at once, and the worker becomes a child
of the service, which adopts orphans (PR_SET_CHILD_SUBREAPER, man 2 prctl). So all that a service
sees of a worker is as ever: a child with a session, an environment and a pipe, and its end.
"""

import asyncio
import ctypes
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from common.worker.supervision.worker_process import ChildWorker

_PR_SET_CHILD_SUBREAPER = 36
_MOST = 1 << 20


@dataclass
class Seed:
    """The service's end of it."""

    line: socket.socket

    @classmethod
    def planted(cls) -> "Seed":
        """To be called while this process has one thread, and nothing open."""
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            ours.close()
            _grow(theirs)
        theirs.close()
        return cls(ours)

    async def spawn(self, spec: str, environment: Mapping[str, str]) -> ChildWorker:
        """As ``ChildWorker.spawn``."""
        ours, theirs = socket.socketpair()
        with theirs:
            asked = json.dumps([spec, dict(environment), str(Path.cwd())]).encode()
            socket.send_fds(self.line, [asked], [theirs.fileno()])
            pid = int(await asyncio.to_thread(self.line.recv, 32))
        process = Adopted(pid)
        reader, writer = await asyncio.open_connection(sock=ours)
        return ChildWorker(process, reader, writer)  # type: ignore[arg-type]


class Adopted:
    """A child that somebody else has begun; what ``asyncio.subprocess.Process`` has of it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle = os.pidfd_open(pid)
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = loop.create_future()
        loop.add_reader(self._handle, self._reap)

    def send_signal(self, number: int) -> None:
        signal.pidfd_send_signal(self._handle, number)

    async def wait(self) -> int:
        return await asyncio.shield(self._ended)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        _, status = os.waitpid(self.pid, 0)
        self._ended.set_result(os.waitstatus_to_exitcode(status))


def _grow(line: socket.socket) -> NoReturn:
    """Begin a worker whenever one is asked for, until the service has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        asked, handles, _, _ = socket.recv_fds(line, _MOST, 1)
        if not asked:
            os._exit(0)
        told, tell = os.pipe()
        if (middle := os.fork()) == 0:
            _between(line, tell, handles[0], *json.loads(asked))
        os.close(tell)
        os.close(handles[0])
        os.waitpid(middle, 0)
        line.send(os.read(told, 32))
        os.close(told)


def _between(
    line: socket.socket, tell: int, control: int, spec: str, environment: dict[str, str], cwd: str
) -> NoReturn:
    if (worker := os.fork()) != 0:
        os.write(tell, b"%d" % worker)
        os._exit(0)
    os.close(tell)
    line.close()
    _become(control, spec, environment, cwd)


def _become(control: int, spec: str, environment: dict[str, str], cwd: str) -> NoReturn:
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["common.worker", spec, "--control-fd", str(control)]
    try:
        runpy.run_module("common.worker", run_name="__main__", alter_sys=True)
    finally:
        os._exit(1)
