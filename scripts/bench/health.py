"""``/health`` while the worker takes all the CPU: phase by phase of one job."""

import time

from scripts.bench.client import Client, Json, is_completed
from scripts.bench.pulse import Pulse
from scripts.bench.report import Goal, Report, percentile
from scripts.service_process import ServiceProcess

GROUP = "/health"
IDLE_SECONDS = 2.0
PHASES = ("loading", "denoising", "decoding", "encoding_video")
FEW = 100
"""Below this many samples a p99 is only the slowest one."""

Change = tuple[float, str]


def measure(report: Report, service: ServiceProcess, client: Client, request: Json) -> None:
    """Idle first, then through a job; the model must not be loaded yet."""
    with Pulse(service.port) as pulse:
        changes: list[Change] = [(time.monotonic(), "idle")]
        time.sleep(IDLE_SECONDS)

        def see(job: Json) -> None:
            phase = job["progress"]["phase"] or "queued"
            if phase != changes[-1][1]:
                changes.append((time.monotonic(), phase))

        client.wait(client.submit(request), is_completed, see)
        changes.append((time.monotonic(), "ended"))
    found = by_phase(changes, pulse.beats)
    for phase in ("idle", *PHASES):
        _add(report, phase, found.get(phase, []))


def by_phase(changes: list[Change], beats: list[tuple[float, float]]) -> dict[str, list[float]]:
    """Seconds of each answer, by the phase in which its request was sent."""
    found: dict[str, list[float]] = {}
    following = [moment for moment, _ in changes[1:]] + [float("inf")]
    for (begin, phase), end in zip(changes, following, strict=True):
        found.setdefault(phase, []).extend(s for moment, s in beats if begin <= moment < end)
    return found


def _add(report: Report, phase: str, answers: list[float]) -> None:
    if not answers:
        report.add(GROUP, f"{phase}, samples", 0, "", Goal(1, "least"), "too short a phase")
        return
    note = f"{len(answers)} samples" + (", few" if len(answers) < FEW else "")
    name = phase.replace("_", " ")
    report.add(GROUP, f"{name}, p50", percentile(answers, 50) * 1e3, "ms", None, note)
    report.add(GROUP, f"{name}, p99", percentile(answers, 99) * 1e3, "ms", Goal(10))
    report.add(GROUP, f"{name}, max", max(answers) * 1e3, "ms")
