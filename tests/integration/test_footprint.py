"""An idle service costs megabytes: the API process holds no model and no torch."""

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import httpx
import psutil
import pytest

from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until

MIB = 1024**2
HEAVY = ("torch", "libcuda", "diffusers", "transformers", "cv2", "opencv", "libpq")


def mapped(pid: int) -> set[str]:
    """The libraries in a process's memory."""
    return {entry.path for entry in psutil.Process(pid).memory_maps()}


def heavy(service: LiveService) -> list[str]:
    paths = mapped(service.process.pid)
    return [path for path in paths if any(name in path for name in HEAVY)]


def test_an_idle_service_is_small(fleet: Fleet) -> None:
    service = fleet.prepare().by_exec().start()
    service.get("/info")
    assert heavy(service) == []
    assert psutil.Process(service.process.pid).memory_full_info().pss < 80 * MIB


@pytest.mark.skipif(find_spec("torch") is None, reason="there is no torch to stay away from")
@pytest.mark.parametrize("model", ["wan21", "ltx2", "waver"])
def test_a_real_models_service_is_small_too(fleet: Fleet, model: str) -> None:
    service = fleet.prepare(module=f"{model}.app", model=model).by_exec().start()
    service.get("/info")
    answer = service.client.post("/generate", json={"prompt": "x", "dry_run": True})
    assert answer.status_code == 200, answer.text
    assert heavy(service) == []
    assert psutil.Process(service.process.pid).memory_full_info().pss < 80 * MIB


def test_what_large_bodies_took_is_given_back(fleet: Fleet) -> None:
    """Memory that strangers make a process take: it goes back to the machine within seconds."""
    service = fleet.prepare().by_exec().start()
    process = psutil.Process(service.process.pid)
    service.client.post("/generate", json={"prompt": "a" * 6000})
    before = process.memory_full_info().pss
    body = b'{"prompt":"' + b"a" * 20 * MIB + b'"}'
    kind = {"Content-Type": "application/json"}

    def send(_number: int) -> int:
        return httpx.post(f"{service.url}/generate", content=body, headers=kind).status_code

    with ThreadPoolExecutor(4) as clients:
        assert 422 in set(clients.map(send, range(8)))
    wait_until(lambda: process.memory_full_info().pss < before + 15 * MIB, 40, "it is small again")


def test_the_api_stays_small_after_jobs(fleet: Fleet) -> None:
    service = fleet.prepare().by_exec().start()
    service.finish()
    assert heavy(service) == []
