"""A PostgreSQL of a test's own, which may be stopped, frozen and started again."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

START_SECONDS = 60


class PostgresServer:
    """A server on loopback with an empty database; ``url`` is what DATABASE_URL wants."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="videosdgx-postgres."))
        self._port = _free_port()
        self._user: dict[str, Any] = {}
        if os.getuid() == 0:  # it refuses to run as root
            account = pwd.getpwnam("postgres")
            os.chown(self._folder, account.pw_uid, account.pw_gid)
            self._user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        self._run("initdb", "-U", "tests", "-A", "trust", "--no-sync")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://tests@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it; it answers when this returns."""
        options = f"-p {self._port} -c listen_addresses=127.0.0.1"
        options += f" -c unix_socket_directories={self._folder}"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-w", "-t", str(START_SECONDS), "-l", log, "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; ``mode`` is pg_ctl's: ``immediate`` is a crash, ``fast`` ends sessions first."""
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def restart(self, mode: str = "immediate") -> None:
        """Stop and start it."""
        self.stop(mode)
        self.start()

    def freeze(self) -> None:
        """Let it answer nothing more, with all connections open (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it stood."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Clean up, in whatever condition it is."""
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, number: int) -> None:
        """The postmaster first: it starts no new process while its children are stopped."""
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _processes(self) -> list[psutil.Process]:
        try:
            pid = int((self._folder / "db" / "postmaster.pid").read_text().split()[0])
            postmaster = psutil.Process(pid)
            return [postmaster, *postmaster.children(recursive=True)]
        except (FileNotFoundError, psutil.NoSuchProcess):
            return []

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._folder / "db"), *arguments]
        # To a file: the server inherits what is given here, and would keep a pipe open.
        with (self._folder / "output").open("ab") as output:
            done = subprocess.run(
                command, cwd="/", stdout=output, stderr=output, check=False, **self._user
            )
        assert done.returncode == 0, (self._folder / "output").read_text()


@contextmanager
def started() -> Iterator[PostgresServer]:
    """A server that runs; the test is skipped where PostgreSQL is not installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("PostgreSQL is not installed")
    server = PostgresServer(programs[-1])
    try:
        server.start()
        yield server
    finally:
        server.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
