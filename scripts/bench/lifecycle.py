"""What a service costs while it does nothing, and how fast it lets go."""

import time
from pathlib import Path

import psutil

from common.base.settings import MIB
from scripts.bench.client import Client, Json, running
from scripts.bench.report import Goal, Report, median
from scripts.service_process import ServiceProcess

STARTS = 5
CANCELS = 5
SETTLE_SECONDS = 2.0
POLL_SECONDS = 0.01
GOAL_AFTER_STEP = Goal(100)
"""Within one step means: no other one is begun. A step here takes several times as long."""


def measure_start(report: Report, model: str, folder: Path) -> None:
    """From starting the process to the first 200 of ``/health``, and its memory then."""
    starts = []
    for _ in range(STARTS):
        before = time.perf_counter()
        with running(model, folder) as (service, _):
            starts.append(time.perf_counter() - before)
            time.sleep(SETTLE_SECONDS if len(starts) == STARTS else 0)
            memory = psutil.Process(service.pid).memory_full_info()
    note = f"median of {STARTS}, slowest {max(starts):.2f} s"
    report.add("cold start", "to the first 200", median(starts), "s", Goal(1), note)
    note = f"RSS {memory.rss / MIB:.0f} MiB, its own (USS) {memory.uss / MIB:.0f} MiB"
    report.add("idle", "PSS of the API process", memory.pss / MIB, "MiB", Goal(80), note)


def measure_cancel(report: Report, client: Client, request: Json) -> None:
    """From the cancel to ``cancelled``, which says that the worker is free."""
    cancels = [_cancel(client, request, attempt / CANCELS) for attempt in range(CANCELS)]
    seconds, ratios, afters = zip(*cancels, strict=True)
    note = f"after the step that it came into; slowest of {CANCELS}"
    report.add("cancel", "went on for", max(afters) * 1e3, "ms", GOAL_AFTER_STEP, note)
    note = f"slowest {max(seconds):.2f} s"
    report.add("cancel", "to cancelled, median", median(seconds), "s", None, note)
    note = f"slowest {max(ratios):.2f}, of the mean step before: over 1 where steps vary"
    report.add("cancel", "to cancelled, median, in steps", median(ratios), "steps", None, note)


def _cancel(client: Client, request: Json, moment: float) -> tuple[float, float, float]:
    """Cancel at a ``moment`` (0 to 1) of a step.

    Answers seconds to ``cancelled``, the same in steps, and the seconds that it went on once the
    step was over: 0 when that end was too close to be seen.
    """
    job_id = client.submit(request)
    step = _step_seconds(
        client.wait(job_id, lambda job: int(job["progress"]["step"]) >= 1),
        client.wait(job_id, lambda job: int(job["progress"]["step"]) >= 3),
    )
    time.sleep(step * moment)
    before = time.perf_counter()
    at = client.post(f"/jobs/{job_id}/cancel")["progress"]["step"]
    step_ended: list[float] = []

    def see(job: Json) -> None:
        if job["state"] == "cancelling" and job["progress"]["step"] > at:
            step_ended.append(time.perf_counter())

    client.wait(job_id, lambda job: bool(job["state"] == "cancelled"), see)
    now = time.perf_counter()
    return now - before, (now - before) / step, now - step_ended[0] if step_ended else 0.0


def _step_seconds(earlier: Json, later: Json) -> float:
    """Mean of the steps between two looks at a job that is denoising."""
    before, after = earlier["progress"], later["progress"]
    steps: int = after["step"] - before["step"]
    seconds: float = after["seconds_elapsed"] - before["seconds_elapsed"]
    return seconds / steps


def measure_unload(report: Report, service: ServiceProcess, client: Client) -> None:
    """From ``POST /unload`` to the worker's process gone and its memory available again."""
    info = client.get("/info")
    worker = psutil.Process(info["loaded"]["worker_pid"])
    held = worker.memory_full_info().uss
    available = psutil.virtual_memory().available
    before = time.perf_counter()
    client.post("/unload")
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
        time.sleep(POLL_SECONDS)
    gone = time.perf_counter() - before
    time.sleep(SETTLE_SECONDS)
    back = psutil.virtual_memory().available - available
    api = psutil.Process(service.pid).memory_full_info().pss
    note = f"the worker held {held / MIB:.0f} MiB of its own"
    report.add("unload", "to process gone", gone, "s", None, note)
    note = "of the whole machine, others' comings and goings included"
    report.add("unload", "MemAvailable back", back / MIB, "MiB", None, note)
    report.add("unload", "PSS of the API process", api / MIB, "MiB", Goal(80), "after jobs")
