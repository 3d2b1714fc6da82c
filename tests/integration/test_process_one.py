"""The service as the first process of a container that has no init."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.live import LiveService, alive, wait_gone, wait_until

UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


class FirstProcess(LiveService):
    """It is process 1 of a namespace of its own; ``inside`` is that process, seen from here."""

    def launch(self) -> None:
        command = [*UNSHARE, sys.executable, "-m", self.module]
        place: dict[str, Any] = {"cwd": self.folder, "env": self._environment()}
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **place)

    @property
    def inside(self) -> psutil.Process:
        (child,) = psutil.Process(self.process.pid).children()
        return child


@pytest.fixture
def first(tmp_path: Path) -> Iterator[FirstProcess]:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root makes namespaces")
    service = FirstProcess(tmp_path)
    yield service.start()
    service.close()


def test_nothing_is_orphaned(first: FirstProcess):
    job_id = first.submit({"chunk_seconds": 1.0}, num_frames=65)
    first.wait_for(job_id, "decoding")
    (worker,) = first.inside.children()
    encoder = wait_until(lambda: next(iter(worker.children()), None), what="an encoder runs")
    os.kill(worker.pid, signal.SIGKILL)
    wait_gone(encoder.pid)
    first.cancel(job_id)
    first.wait_for(job_id, "cancelled")

    def no_zombies() -> bool:
        return all(child.status() != psutil.STATUS_ZOMBIE for child in first.inside.children())

    wait_until(no_zombies, what="the dead are reaped")
    assert first.finish()["state"] == "completed"


def test_it_stops_as_any_other(first: FirstProcess):
    first.finish()
    (worker,) = first.inside.children()
    first.inside.terminate()
    assert first.process.wait(20) == 0
    assert not alive(worker.pid)
