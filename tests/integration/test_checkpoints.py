"""Checkpoints that are not there: the job says what to run, and works once it was run."""

import shutil
from collections.abc import Callable

import pytest

from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until
from tests.toy.model_config import make_checkpoint

pytestmark = pytest.mark.slow


def remove(service: LiveService) -> None:
    shutil.rmtree(service.models)


def empty(service: LiveService) -> None:
    for file in service.models.rglob("brightness.txt"):
        file.unlink()


@pytest.mark.parametrize(
    ("damage", "word"), [(remove, "download_models.sh"), (empty, "brightness.txt")]
)
def test_the_job_fails_with_the_way_out_and_the_next_one_works(
    fleet: Fleet, damage: Callable[[LiveService], None], word: str
) -> None:
    service = fleet.start()
    damage(service)
    job = service.wait_for(service.submit(), "failed")
    assert job["error"]["code"] == "checkpoint_error"
    assert word in job["error"]["hint"]
    assert job["attempts"] == 1
    assert service.client.get("/ready").json()["model_loaded"] is False
    make_checkpoint(service.models)
    service.finish()


def test_a_warm_up_that_fails_is_given_up(fleet: Fleet) -> None:
    """With nothing to keep a worker for, it must not be started over and over."""
    service = fleet.start(auto_unload_minutes=0)
    remove(service)
    assert service.client.post("/load").status_code == 202
    wait_until(lambda: "cannot load" in service.log(), what="the load fails")
    wait_until(lambda: service.worker_pid() is None, what="the worker leaves")
    make_checkpoint(service.models)
    service.finish()
    wait_until(lambda: service.worker_pid() is None, what="the worker leaves")
    assert service.log().count("worker started") == 2
