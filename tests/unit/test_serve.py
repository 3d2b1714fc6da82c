"""What ``make serve`` does with signals, on a service that says how often it was told to stop."""

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live import ROOT, wait_until

PATIENT = r"""
import os, signal
told = []
def on(number, frame):
    told.append(number)
    os.write(1, f"told {len(told)}\n".encode())
signal.signal(signal.SIGTERM, on)
signal.signal(signal.SIGUSR1, lambda *_: os._exit(0))
os.write(1, f"{os.getpid()}\n".encode())
while True:
    signal.pause()
"""
SERVE = "import asyncio, sys, scripts.serve as s; sys.exit(asyncio.run(s.serve(['patient'])))"

PATIENCE_SECONDS = 30


class Serving:
    """``serve`` and its one service, which ends when ``end`` is called, and not before."""

    def __init__(self, folder: Path, *before: str) -> None:
        (folder / "patient").mkdir()
        (folder / "patient" / "app.py").write_text(PATIENT)
        found = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{folder}"}
        self.process = subprocess.Popen(
            [*before, sys.executable, "-c", SERVE],
            cwd=folder,
            env={**found, "PATIENT_PORT": "1"},
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self.ended = False
        self.service = int(self.said())

    def said(self) -> str:
        """The service's next line."""
        assert self.process.stdout
        assert select.select([self.process.stdout], [], [], PATIENCE_SECONDS)[0], "it says nothing"
        return self.process.stdout.readline().decode().strip()

    def tell(self, number: signal.Signals) -> None:
        """Send a signal, and wait until it was handled: it sleeps again then."""
        self.process.send_signal(number)
        wait_until(self._sleeps, what="the signal is handled")

    def _sleeps(self) -> bool:
        """With no signal before it (man 5 proc)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        pending = re.findall(r"^(?:Sig|Shd)Pnd:\s(\w+)$", status, re.M)
        return "State:\tS" in status and not any(int(mask, 16) for mask in pending)

    def end(self) -> tuple[int, str]:
        """Exit status, and what the service said beyond what was read."""
        os.kill(self.service, signal.SIGUSR1)
        rest, _ = self.process.communicate()
        self.ended = True
        return self.process.returncode, rest.decode()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    begun: list[Serving] = []

    def begin(*before: str) -> Serving:
        begun.append(Serving(tmp_path, *before))
        return begun[-1]

    yield begin
    for serving in begun:
        if not serving.ended:
            os.kill(serving.service, signal.SIGKILL)
            serving.process.kill()
            serving.process.communicate()


def test_a_second_ctrl_c_reaches_the_services(serve: Callable[..., Serving]):
    serving = serve()
    for count in (1, 2, 3):
        serving.tell(signal.SIGINT)
        assert serving.said() == f"told {count}"
    assert serving.end() == (0, "")


def test_a_terminal_that_is_gone_stops_them_and_does_not_hurry_them(serve: Callable[..., Serving]):
    serving = serve()
    serving.tell(signal.SIGHUP)
    assert serving.said() == "told 1"
    serving.tell(signal.SIGHUP)  # a shell and the kernel both say it
    serving.tell(signal.SIGTERM)
    assert serving.said() == "told 2"
    assert serving.end() == (0, "")


def test_nohup_is_heeded(serve: Callable[..., Serving]):
    serving = serve("nohup")
    serving.tell(signal.SIGHUP)
    serving.tell(signal.SIGTERM)
    assert serving.said() == "told 1"
    assert serving.end() == (0, "")
