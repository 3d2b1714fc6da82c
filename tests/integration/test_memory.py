"""Real services on one pool: what waits, who makes room, who is stopped, what users read."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.fleet import Fleet
from tests.live import LiveService, alive, wait_gone, wait_until
from tests.toy.model_config import MIB, make_checkpoint

MEGABYTES = {"toy_a": 150, "toy_b": 180}
POOL_GB = 0.4
"""One of them, beside two interpreters; never both."""
WHOLE_GB = 0.32
"""The larger one with its interpreter (0.28 GB), and no second interpreter (0.08) beside it."""


class Pair:
    """Two services on the same folders."""

    def __init__(self, folder: Path, **settings: object) -> None:
        for name, megabytes in MEGABYTES.items():
            make_checkpoint(folder / "models", name=name, megabytes=megabytes)
        shared = {
            "memory_kind": "cpu",
            "memory_pool_gb": POOL_GB,
            "min_residence_seconds": 0,
            "auto_unload_minutes": -1,
        } | settings
        self.a, self.b = (
            LiveService(folder, f"tests.toy.four {name.upper()}", name, **shared)
            for name in MEGABYTES
        )

    def start(self) -> "Pair":
        for service in (self.a, self.b):
            service.start()
        return self

    def close(self) -> None:
        for service in (self.a, self.b):
            service.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    services = Pair(tmp_path, eviction_seconds=0.5)
    yield services.start()
    services.close()


def test_a_job_waits_for_the_other_model_and_says_so(pair: Pair):
    running = pair.a.submit({"step_seconds": 0.5}, num_inference_steps=100)
    pair.a.wait_for(running, "denoising")
    job_id = pair.b.submit()
    waiting = pair.b.wait_for(job_id, "waiting")

    def words() -> str | None:
        text: str = pair.b.job(job_id)["progress"]["waiting_for"] or ""
        return text if "free, waiting for toy_a to finish a job" in text else None

    reason = wait_until(words, what="the reason")
    assert reason.startswith("needs 0.2 GB, "), reason
    assert pair.b.get("/queue/status")["waiting_for"] is not None
    assert waiting["state"] == "waiting"
    seen = {lease["model"]: lease for lease in pair.b.get("/info")["pool"]["leases"]}
    assert seen["toy_a"]["ticket"]["stage"] == "on_gpu"
    assert (seen["toy_b"]["ticket"]["stage"], seen["toy_b"]["ticket"]["job_id"]) == (
        "waiting",
        job_id,
    )
    pair.a.cancel(running)
    assert pair.b.wait_for(job_id, "completed")["progress"]["waiting_for"] is None


def test_an_idle_model_makes_room_and_comes_back(pair: Pair):
    pair.a.finish()
    first = pair.a.worker_pid()
    assert first is not None
    pair.b.finish()
    wait_gone(first)
    assert pair.a.get("/info")["loaded"]["state"] == "unloaded"
    pair.a.finish()


def test_an_idle_model_makes_room_for_a_job_that_needs_all_of_the_pool(tmp_path: Path):
    """Its interpreter goes with it: else a job that was accepted would wait for ever."""
    pair = Pair(tmp_path, memory_pool_gb=WHOLE_GB).start()
    try:
        pair.a.finish()
        pair.b.finish()
    finally:
        pair.close()


@pytest.mark.slow
def test_a_stopped_model_is_ended_by_its_own_service(pair: Pair):
    pair.a.finish()
    stopped = pair.a.worker_pid()
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)
    pair.b.finish(timeout=10)
    assert not alive(stopped)
    assert "did not make room" in pair.a.log()
    pair.a.finish()


def test_a_cancelled_job_stops_waiting(pair: Pair):
    running = pair.a.submit({"step_seconds": 5})
    pair.a.wait_for(running, "denoising")
    job_id = pair.b.submit()
    pair.b.wait_for(job_id, "waiting")
    pair.b.cancel(job_id)
    pair.b.wait_for(job_id, "cancelled", timeout=3)
    pair.a.cancel(running)
    pair.a.wait_for(running, "cancelled")


def test_what_can_never_fit_is_refused_with_the_numbers(pair: Pair):
    answer = pair.a.client.post("/generate", json={"prompt": "x", "options": {"hold_mb": 300}})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "not_enough_memory")
    assert "needs 0.5 GB of memory (0.1 GB for the weights, 0.3 GB to run)" in error["message"]
    assert "0.4 GB" in error["message"]
    body = {"prompt": "x", "dry_run": True, "options": {"hold_mb": 300}}
    memory = pair.a.client.post("/generate", json=body).json()["memory"]
    assert memory["total_bytes"] > memory["capacity_bytes"]


def test_estimates_are_corrected_by_what_was_measured(pair: Pair):
    body = {"prompt": "x", "options": {"hold_mb": 60, "says_mb": 5}}
    before = pair.a.client.post("/generate", json=body | {"dry_run": True}).json()["memory"]
    pair.a.finish(options=body["options"])
    after = pair.a.client.post("/generate", json=body | {"dry_run": True}).json()["memory"]
    assert (before["measured"], after["measured"]) == (False, True)
    assert before["run_bytes"] < 60 * MIB < after["run_bytes"]


class Gauge:
    """A pool that is as large as we say, and as full as the kernel says the workers are."""

    def __init__(self, file: Path, total: int) -> None:
        self._file, self._total = file, total
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.services: list[LiveService] = []
        self._write()

    def __enter__(self) -> "Gauge":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.01):
            self._write()

    def _write(self) -> None:
        used = sum(_held(service) for service in self.services)
        figures = {"total_bytes": self._total, "available_bytes": max(0, self._total - used)}
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(figures))
        draft.replace(self._file)


def _held(service: LiveService) -> int:
    try:
        children = psutil.Process(service.process.pid).children()
        return sum(child.memory_info().rss for child in children)
    except psutil.Error:
        return 0


def test_the_watchdog_stops_the_job_that_takes_too_much(tmp_path: Path):
    gauge = Gauge(tmp_path / "pool.json", 800 * MIB)
    pair = Pair(tmp_path, memory_source=tmp_path / "pool.json", memory_pool_gb=16)
    with gauge:
        try:
            for service in (pair.a, pair.b):
                service.by_exec()  # what a child holds is its own then
            pair.start()
            gauge.services = [pair.a, pair.b]
            options = {"says_mb": 1, "hold_mb": 700, "step_seconds": 1}
            liar = pair.a.submit(options, num_inference_steps=60)  # no end that comes before a shot
            wait_until(lambda: "to save the machine" in pair.a.log(400), what="a shot")
            pair.b.finish()
            # Each try ends before its worker beats, at worst; and a next shot waits for the last.
            refused = pair.a.wait_for(liar, "failed", timeout=300)
            assert refused["error"]["code"] == "not_enough_memory"
            assert refused["attempts"] <= 1, "a stop for the machine's sake is nobody's fault"
            pair.a.finish()
        finally:
            pair.close()


@pytest.mark.slow
def test_a_stopped_worker_does_not_outlive_its_service(pair: Pair):
    pair.a.kill()
    pair.a.by_exec().restart()  # its worker is known by its command line
    pair.a.finish()
    stopped = pair.a.worker_pid()
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)
    pair.a.kill()
    pair.a.restart()
    wait_gone(stopped)
    pair.a.finish()


def test_a_job_that_ran_out_asks_for_more_the_next_time(fleet: Fleet):
    service = fleet.start()
    options = {"says_mb": 20, "out_of_memory_at": "denoising"}

    def asked() -> int:
        body = {"prompt": "a cat", "options": options, "dry_run": True}
        memory: dict[str, int] = service.client.post("/generate", json=body).json()["memory"]
        return memory["run_bytes"]

    before = asked()
    for _ in range(2):
        job = service.wait_for(service.submit(options), "failed")
        assert job["error"]["code"] == "out_of_memory"
        assert asked() >= before * 1.2
        before = asked()
