"""A service that is told to stop twice ends at once, and nothing is lost."""

import signal

import pytest

from tests.integration.fleet import Fleet
from tests.live import wait_gone, wait_until


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_second_signal_ends_it_at_once(fleet: Fleet, number: signal.Signals):
    service = fleet.start(drain_seconds=600)
    job_id = service.submit({"step_seconds": 1}, num_inference_steps=40)
    service.wait_for(job_id, "denoising")
    worker = wait_until(service.worker_pid)
    service.process.send_signal(number)

    def ended() -> bool:
        service.process.send_signal(number)
        return service.process.poll() is not None

    wait_until(ended, what="it ends long before its drain")
    assert service.exit_code() == 128 + number
    wait_gone(worker)
    service.wait_said("told to stop again")
    service.restart()
    service.wait_for(job_id, "denoising")
    wait_until(lambda: service.job(job_id)["attempts"] == 1, what="it was given back")
    service.cancel(job_id)


def test_the_same_signal_to_process_and_group_is_one(fleet: Fleet):
    service = fleet.start(drain_seconds=60)
    job_id = service.submit({"step_seconds": 0.5})
    service.wait_for(job_id, "denoising")
    service.process.terminate()
    service.process.terminate()
    assert service.exit_code() == 0
    service.restart()
    assert service.job(job_id)["state"] == "completed"
