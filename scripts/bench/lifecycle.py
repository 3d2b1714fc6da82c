"""What a service costs while it does nothing, and how fast it lets go."""

import time
from pathlib import Path

import psutil

from common.settings import MIB
from scripts.bench.client import Client, Json, running
from scripts.bench.report import Goal, Report, median
from scripts.services import ServiceProcess

STARTS = 5
CANCELS = 5
SETTLE_SECONDS = 2.0
POLL_SECONDS = 0.01
STEP_SLACK_SECONDS = 0.1
"""From the end of the step that the cancel came into: the job's row, and our own polling."""


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
    latencies, steps = [], []
    for attempt in range(CANCELS):
        job_id = client.submit(request)
        job = client.wait(job_id, lambda job: int(job["progress"]["step"]) >= 3)
        step = _step_seconds(job)
        time.sleep(step * attempt / CANCELS)  # at another moment of the step each time
        before = time.perf_counter()
        client.post(f"/jobs/{job_id}/cancel")
        client.wait(job_id, lambda job: bool(job["state"] == "cancelled"))
        latencies.append(time.perf_counter() - before)
        steps.append(step)
    step, worst = median(steps), max(latencies)
    note = f"slowest of {CANCELS}; a step takes {step:.2f} s"
    goal = Goal(round(1 + STEP_SLACK_SECONDS / step, 2))
    report.add("cancel", "to cancelled, in steps", worst / step, "steps", goal, note)
    report.add("cancel", "to cancelled, median", median(latencies), "s")


def _step_seconds(job: Json) -> float:
    """Mean of the steps after the first, whose time the API counts to the prompt's phase."""
    progress = job["progress"]
    left, steps = progress["seconds_left"], progress["steps"] - progress["step"]
    done = float(left) / steps * progress["step"]
    return done / (progress["step"] - 1)


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
