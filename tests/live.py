"""A real service in a process of its own, for tests that look at it from outside only."""

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from tests.formats import COMPUTE_DTYPE
from tests.nursery import Child, begin
from tests.toy.model_config import make_checkpoint

T = TypeVar("T")

ROOT = Path(__file__).parents[1]
POLL_SECONDS = 0.02
START_SECONDS = 60.0
ENDED = ("completed", "failed", "cancelled")
INHERITED = ("PATH", "HOME", "OMP_NUM_THREADS", "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
"""All that a service takes from the tests' environment. The last two hold torch to the instructions
of an older CPU (``AVX2``, ``avx2``): with COMPUTE_DTYPE=float32 the tests run as one without units
for bfloat16 does."""
_SETTINGS: dict[str, object] = {
    "LOG_FORMAT": "text",
    "MIN_FREE_DISK_GB": 0,
    "BACKOFF_SECONDS": 0.05,
    "FUSED_BATCH": 1,
    "CANCEL_GRACE_SECONDS": 0.5,
    "KILL_GRACE_SECONDS": 0.5,
    "COMPUTE_DTYPE": COMPUTE_DTYPE,
    "REQUEST_CACHE": "off",
}
"""Patience is short: what is waited for here comes at once, or never. Jobs are really made, however
often the same is asked for."""


def wait_until(predicate: Callable[[], T | None], timeout: float = 60, what: str = "") -> T:
    """Ask until the answer is true; the only waiting in the tests, and it is bounded."""
    deadline = time.monotonic() + timeout
    while not (answer := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what or predicate}")
        time.sleep(POLL_SECONDS)
    return answer


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_gone(pid: int, timeout: float = 60) -> None:
    """Wait for the end of a process that is nobody's child here."""
    wait_until(lambda: not alive(pid), timeout, f"process {pid} ends")


class LiveService:
    """``python -m <module> [NAME]`` on a free port, with its own folders and settings."""

    def __init__(
        self, folder: Path, module: str = "tests.toy.app", model: str = "toy", **settings: object
    ) -> None:
        self.module = module
        self.models = folder / "models"
        self.outputs = folder / "outputs" / model
        self.state = folder / "state" / model
        self.database = self.state / "jobs.db"
        self.log_file = folder / f"{model}.log"
        self.settings = _SETTINGS | {
            "MODELS_DIR": self.models,
            "OUTPUTS_DIR": self.outputs.parent,
            "STATE_DIR": self.state.parent,
            "PORT": _free_port(),
        }
        self.settings |= {name.upper(): value for name, value in settings.items()}
        self.folder = folder
        self.launch_under: tuple[str, ...] = ()
        """A program that becomes the service, as in ``("prlimit", "--nofile=256")``."""
        self._said_before = 0
        self._process: Child | None = None
        self._client: httpx.Client | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if module == "tests.toy.app":
            make_checkpoint(self.models)

    # Life and death

    def by_exec(self) -> "LiveService":
        """Let it begin as users start it, not as a fork: for who looks at the process itself."""
        self.launch_under = ("env",)
        return self

    def launch(self) -> None:
        """Start the process, and no more."""
        self._said_before = self.log_file.stat().st_size if self.log_file.exists() else 0
        under = self.launch_under
        if "PYTHONPATH" in self.settings:  # a fork's is its parent's
            under = under or ("env",)
        # Not in the repository: a developer's .env must not reach in here.
        self._process = begin(self.module, self.folder, self._environment(), self.log_file, under)

    def start(self) -> "LiveService":
        """Start the process; it answers when this returns."""
        self.launch()
        return self.greet()

    def greet(self) -> "LiveService":
        """After ``launch``: wait until it answers."""
        self._client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        wait_until(self._answers, START_SECONDS, "the service answers")
        return self

    def stop(self, timeout: float = 60) -> None:
        """SIGTERM; it has to end by itself, cleanly, and to take its worker along."""
        worker = self.worker_pid()
        self.process.terminate()
        assert self.exit_code(timeout) == 0, self.log()
        assert worker is None or not alive(worker)

    def kill(self) -> None:
        """SIGKILL of the API process alone."""
        self.process.kill()
        self.exit_code()

    def restart(self) -> None:
        """After ``stop`` or ``kill``, on the same folders."""
        self.start()

    def has_swept(self) -> bool:
        """Whether files and table were brought together since the last start."""
        return b"files swept" in self.log_file.read_bytes()[self._said_before :]

    def wait_swept(self) -> None:
        """Files and table are brought together while the service answers."""
        wait_until(self.has_swept, what="the files are swept")

    def exit_code(self, timeout: float = 60) -> int:
        """Wait for the process to end; negative is the signal that killed it."""
        code = self.process.wait(timeout)
        self._disconnect()
        return code

    def close(self) -> None:
        """Clean up, in whatever condition it is."""
        if self._process is None:
            return
        if self.running:
            parent = psutil.Process(self._process.pid)
            for process in (parent, *parent.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.exit_code()

    @property
    def process(self) -> Child:
        assert self._process is not None
        return self._process

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self, lines: int = 80) -> str:
        """The end of what the service and its workers said; nothing before its first start."""
        if not self.log_file.exists():
            return ""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])

    def wait_said(self, words: str) -> None:
        """Its log is written by a thread of its own: wait until the end of it has these words."""
        wait_until(lambda: words in self.log(), what=f"the log says {words!r}")

    # Talking to it

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['PORT']}"

    @property
    def client(self) -> httpx.Client:
        assert self._client is not None
        return self._client

    def get(self, path: str) -> Any:
        """The JSON behind a path that must answer 200."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def submit(self, options: dict[str, Any] | None = None, **fields: Any) -> str:
        """Post a job that must be accepted; answers its id."""
        body = {"prompt": "a bar", "options": options or {}, **fields}
        answer = self.client.post("/generate", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = self.get(f"/jobs/{job_id}")
        return job

    def cancel(self, job_id: str) -> httpx.Response:
        return self.client.post(f"/jobs/{job_id}/cancel")

    def wait_for(self, job_id: str, *states: str, timeout: float = 60) -> dict[str, Any]:
        """Wait for one of ``states`` or of ``phases``; an end that is not asked for fails."""

        def reached() -> dict[str, Any] | None:
            job = self.job(job_id)
            if job["state"] in states or job["progress"]["phase"] in states:
                return job
            assert job["state"] not in ENDED, f"{job['state']}, not {states}: {job['error']}"
            return None

        return wait_until(reached, timeout, f"job {job_id} is {' or '.join(states)}")

    def finish(self, *, timeout: float = 60, **fields: Any) -> dict[str, Any]:
        """A job from post to completion."""
        return self.wait_for(self.submit(**fields), "completed", timeout=timeout)

    def jobs(self, **query: Any) -> list[dict[str, Any]]:
        """Every job, over all pages."""
        page = self.client.get("/jobs", params={"limit": 100, **query}).json()
        found: list[dict[str, Any]] = page["jobs"]
        cursor = page["next_cursor"]
        return found + (self.jobs(**query | {"cursor": cursor}) if cursor else [])

    def worker_pid(self) -> int | None:
        """The worker's process id, while there is one."""
        pid: int | None = self.get("/info")["loaded"]["worker_pid"]
        return pid

    def kill_worker(self) -> int:
        """SIGKILL the worker; answers who it was."""
        pid = wait_until(self.worker_pid, what="a worker runs")
        os.kill(pid, signal.SIGKILL)
        wait_gone(pid)
        return pid

    # What it leaves on disk

    def videos(self, job_id: str = "") -> list[Path]:
        """The folders that it published; of one job, or of all."""
        return [p for p in self.outputs.glob(f"{job_id}*") if not p.name.startswith(".")]

    def partials(self) -> list[Path]:
        """What is still being written, or was left behind."""
        return list((self.outputs / ".partial").iterdir())

    def inputs(self) -> list[Path]:
        """The uploads that it keeps; not what it writes to see that it can."""
        return sorted(p for p in (self.state / "inputs").iterdir() if not p.name.startswith("."))

    def reading(self) -> list[str]:
        """Which of what it published its API process has open; what is removed as well."""
        found = []
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                found.append(link.readlink())
        return sorted(str(path) for path in found if path.parent.parent == self.outputs)

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the job database directly."""
        url = f"file:{self.database}?mode=ro"
        with closing(sqlite3.connect(url, uri=True, timeout=1)) as connection:
            return connection.execute(sql, values).fetchall()

    def _answers(self) -> bool:
        assert self.running, f"it ended at once:\n{self.log()}"
        try:
            return self.client.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        ours = {name: str(value) for name, value in self.settings.items()}
        return inherited | {"PYTHONPATH": str(ROOT)} | ours


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
