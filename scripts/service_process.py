"""A service as a child process of a script."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from common.base.settings import Settings
from scripts.services import MODELS, ROOT

HOST = "127.0.0.1"
STOP_SECONDS = 30
POLL_SECONDS = 0.005


class ServiceFailed(Exception):
    """A service did not come up, or went away; its log says why."""


class ServiceProcess:
    """One service, started at once. It reads ``settings`` alone, no ``.env``.

    Everything is below ``folder``, log included: tiny weights and made-up jobs must reach neither
    the real outputs nor a real database. The port is ours to give, so that it can be any free one.
    """

    def __init__(
        self, name: str, folder: Path, port: int, settings: Mapping[str, str], package: str = ""
    ) -> None:
        self.name = name
        self.port = port
        self.url = f"http://{HOST}:{port}"
        self.log = folder / "logs" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        own = {"HOST": HOST, "PORT": str(port), "LOG_FORMAT": "text", **folders(folder), **settings}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"{package or name}.app"],
                cwd=folder,  # where no .env is
                env=clean_environment() | own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,  # Ctrl-C is for the script, which then ends us in good order
            )

    @property
    def pid(self) -> int:
        """The API process."""
        return self._process.pid

    def wait_until_up(self, seconds: float = 60) -> None:
        """Wait for the first answer.

        Raises:
            ServiceFailed: it ended, or did not answer in time.
        """
        give_up = time.monotonic() + seconds
        while not _answers(self.port):
            self.check()
            if time.monotonic() > give_up:
                raise ServiceFailed(f"{self.name} did not answer within {seconds:.0f} s.")
            time.sleep(POLL_SECONDS)

    def check(self) -> None:
        """Raises ServiceFailed: it is gone."""
        code = self._process.poll()
        if code is not None:
            raise ServiceFailed(f"{self.name} ended on its own, with code {code}.")

    def stop(self) -> bool:
        """End it in good order; answers whether it did not have to be killed."""
        self._process.terminate()
        try:
            # uvicorn ends by the signal that it was told to stop with.
            return self._process.wait(STOP_SECONDS) in (0, -signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False

    def log_tail(self, lines: int = 20) -> str:
        """The end of its log."""
        with self.log.open(errors="replace") as log:
            return "".join(deque(log, lines))


def folders(folder: Path) -> dict[str, str]:
    """The settings that keep a service's files below one folder."""
    root = folder.resolve()
    return {f"{kind.upper()}_DIR": str(root / kind) for kind in ("models", "outputs", "state")}


def clean_environment() -> dict[str, str]:
    """Our environment without the services' settings, with this repository importable.

    COMPUTE_DTYPE stays: it says how this machine computes, and is set by hand to compare.
    """
    prefixes = ("", *(f"{model.upper()}_" for model in MODELS))
    settings = {f"{prefix}{name.upper()}" for prefix in prefixes for name in Settings.model_fields}
    settings.discard("COMPUTE_DTYPE")
    kept = {name: value for name, value in os.environ.items() if name.upper() not in settings}
    path = os.pathsep.join(filter(None, (str(ROOT), kept.get("PYTHONPATH"))))
    return kept | {"PYTHONPATH": path}


def port_for(wanted: int) -> int:
    """``wanted`` where it is free, else another that is."""
    for port in (wanted, 0):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((HOST, port))
            except OSError:
                continue
            return int(trial.getsockname()[1])
    raise ServiceFailed("No port is free.")


def _answers(port: int) -> bool:
    """Whether ``/health`` says 200. By hand, and so at no cost to what is timed by it."""
    try:
        with socket.create_connection((HOST, port), timeout=5) as connection:
            connection.sendall(
                b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
