"""Services of the tests begin as forks of a process that has imported what they need.

Half of what the tests took was the same imports, hundreds of times over. Such a fork is a process
of its own, with its own folders, settings, signals and end; only its imports are done. Its workers
begin likewise (``tests.seed``). A test that looks at the process itself (its command line, its
environment, its memory) begins it by exec.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import Protocol

from common.worker.supervision.worker_process import ChildWorker
from tests.seed import Seed

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        *("common.service", "tests.toy.model_config"),
        *("common.worker.loop", "common.kinds.video.publisher", "tests.toy.pipeline", "cv2"),
    ]
)


class Child(Protocol):
    """What tests ask of a service's process; ``subprocess.Popen`` is one."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


def begin(
    command: str,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    under: Sequence[str] = (),
) -> Child:
    """``python -m <command>`` in ``folder``, with this environment alone; it writes to ``log``.

    ``under`` are programs and their arguments, of which the last becomes it.
    """
    if not under:
        return Fork(command.split(), folder, dict(environment), log)
    whole = [*under, sys.executable, "-m", *command.split()]
    with log.open("ab") as said:
        return Popen(whole, cwd=folder, env=environment, stdout=said, stderr=said)


class Fork:
    """A process that is forked; the rest is as ``Popen`` has it."""

    def __init__(self, *arguments: object) -> None:
        self._process: ForkServerProcess = _CONTEXT.Process(
            target=_become, args=arguments, daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise TimeoutExpired("a service", timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def is_nursery(process: Path) -> bool:
    """Whether a folder of /proc is that of the process that forks, or of what tidies up for it."""
    command = (process / "cmdline").read_bytes()
    return (
        b"multiprocessing.forkserver" in command or b"multiprocessing.resource_tracker" in command
    )


def _become(command: list[str], folder: Path, environment: Mapping[str, str], log: Path) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as file:
        for said in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), said.fileno())
    sys.argv = command
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ChildWorker.spawn = Seed.planted().spawn  # type: ignore[method-assign]
    try:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves without, and the log's last lines go there
