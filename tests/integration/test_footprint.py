"""An idle service costs megabytes: the API process holds no model and no torch."""

from importlib.util import find_spec

import psutil
import pytest

from tests.integration.fleet import Fleet
from tests.live import LiveService

MIB = 1024**2
HEAVY = ("torch", "libcuda", "diffusers", "transformers", "cv2", "opencv", "libpq")


def mapped(pid: int) -> set[str]:
    """The libraries in a process's memory."""
    return {entry.path for entry in psutil.Process(pid).memory_maps()}


def heavy(service: LiveService) -> list[str]:
    paths = mapped(service.process.pid)
    return [path for path in paths if any(name in path for name in HEAVY)]


def test_an_idle_service_is_small(fleet: Fleet) -> None:
    service = fleet.start()
    service.get("/info")
    assert heavy(service) == []
    assert psutil.Process(service.process.pid).memory_full_info().pss < 80 * MIB


@pytest.mark.skipif(find_spec("torch") is None, reason="there is no torch to stay away from")
@pytest.mark.parametrize("model", ["wan21", "ltx2", "waver"])
def test_a_real_models_service_is_small_too(fleet: Fleet, model: str) -> None:
    service = fleet.start(module=f"{model}.app", model=model)
    service.get("/info")
    answer = service.client.post("/generate", json={"prompt": "x", "dry_run": True})
    assert answer.status_code == 200, answer.text
    assert heavy(service) == []
    assert psutil.Process(service.process.pid).memory_full_info().pss < 80 * MIB


def test_the_api_stays_small_after_jobs(service: LiveService) -> None:
    service.finish()
    assert heavy(service) == []
