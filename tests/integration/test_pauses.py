"""A whole service that stands still for longer than its patience goes on as if nothing had been."""

import os
import signal
import time
from collections.abc import Sequence

import pytest

from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until

PATIENCE_SECONDS = 4


def stand_still(processes: Sequence[int], seconds: float) -> None:
    """Stop these, and let them go on in this order."""
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, timeout=seconds + 10)
    for pid in processes:
        os.kill(pid, signal.SIGCONT)


def at_work(fleet: Fleet) -> tuple[LiveService, str, int]:
    """A job in the middle of its steps, and the pid of its worker."""
    service = fleet.start(
        heartbeat_timeout_seconds=PATIENCE_SECONDS,
        step_timeout_seconds=PATIENCE_SECONDS,
        lease_seconds=PATIENCE_SECONDS,
    )
    job_id = service.submit({"step_seconds": 0.4}, num_inference_steps=6)
    service.wait_for(job_id, "denoising")
    return service, job_id, wait_until(service.worker_pid)


@pytest.mark.parametrize("first", ["api", pytest.param("worker", marks=pytest.mark.slow)])
def test_a_paused_service_keeps_its_worker_and_its_attempt(fleet: Fleet, first: str):
    service, job_id, worker = at_work(fleet)
    processes = [service.process.pid, worker]
    stand_still(processes if first == "api" else processes[::-1], 2.5 * PATIENCE_SECONDS)
    job = service.wait_for(job_id, "completed")
    assert job["attempts"] == 1
    assert service.worker_pid() == worker
    assert "stopping worker" not in service.log()


@pytest.mark.slow
def test_a_worker_that_stands_still_alone_is_still_ended(fleet: Fleet):
    service, job_id, worker = at_work(fleet)
    os.kill(worker, signal.SIGSTOP)
    job = service.wait_for(job_id, "completed")
    assert job["attempts"] == 2
    service.wait_said("it showed no life for")
