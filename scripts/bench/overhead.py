"""What a job takes beyond a bare call of diffusers, on the same weights with the same parameters.

Jobs and bare calls take turns, each in a process that is warm, so that whatever else the machine
does falls on both. Frames are encoded while later ones are decoded, so a job's own tail of encoding
is what is left of it after the last frame; a script would encode everything after its call.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from scripts.bench.client import Client, Json
from scripts.bench.report import Goal, Report, median
from scripts.services import clean_environment

GROUP = "job"
WARM_UP = 2
ROUNDS = 15


def measure(report: Report, client: Client, model: str, folder: Path, request: Json) -> None:
    """Take turns, and compare pair by pair."""
    resolved = client.complete(request)["resolved"]
    with _bare(model, _snapshot(client, folder), resolved, folder) as bare:
        pairs = [(client.complete(request), _call(bare)) for _ in range(WARM_UP + ROUNDS)]
    pairs = pairs[WARM_UP:]
    jobs = [job_seconds(job) for job, _ in pairs]
    calls = [call["call"] for _, call in pairs]
    tails = [float(job["result"]["timings"]["encoding_video"]) for job, _ in pairs]
    over = [j - c - t for j, c, t in zip(jobs, calls, tails, strict=True)]
    scripts = [sum(call.values()) for _, call in pairs]
    against = [j - s for j, s in zip(jobs, scripts, strict=True)]
    _add(report, "finished_at - started_at", jobs, f"medians of {len(pairs)} pairs")
    _add(report, "bare call of diffusers", calls, f"{min(calls) * 1e3:.0f} ms at best")
    _add(report, "encoder's tail in the job", tails, "ffmpeg's end, after the last frame")
    _add(report, "overhead: job - call - tail", over, "claim, pipe, row, files", Goal(25))
    _add(report, "bare call, then ffmpeg", scripts, "what a script would take")
    _add(report, "job - (call, then ffmpeg)", against, "below 0: the job is faster")


def job_seconds(job: Json) -> float:
    """From claim to record."""
    started, finished = map(datetime.fromisoformat, (job["started_at"], job["finished_at"]))
    return (finished - started).total_seconds()


def _add(
    report: Report, name: str, seconds: list[float], note: str, goal: Goal | None = None
) -> None:
    report.add(GROUP, name, median(seconds) * 1e3, "ms", goal, note)


def _snapshot(client: Client, folder: Path) -> Path:
    loaded = client.get("/info")["loaded"]
    repository = f"models--{loaded['checkpoint'].replace('/', '--')}"
    return folder / "models" / repository / "snapshots" / str(loaded["revision"])


@contextmanager
def _bare(
    model: str, checkpoint: Path, resolved: Json, folder: Path
) -> Iterator[subprocess.Popen[str]]:
    """The process of ``scripts.bench.bare``, which begins to load at once."""
    command = [sys.executable, "-m", "scripts.bench.bare", model, str(checkpoint)]
    with (
        (folder / "logs" / "bare.log").open("wb") as log,
        subprocess.Popen(
            [*command, json.dumps(resolved), str(folder / "bare.mp4")],
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        yield process


def _call(bare: subprocess.Popen[str]) -> dict[str, float]:
    assert bare.stdin is not None and bare.stdout is not None  # noqa: S101, PT018
    bare.stdin.write("\n")
    bare.stdin.flush()
    answer: dict[str, float] = json.loads(bare.stdout.readline())
    return answer
