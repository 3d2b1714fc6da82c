"""What a job takes beyond a bare call of diffusers, on the same weights with the same parameters.

Jobs and bare calls take turns, each in a process that is warm, so that whatever else the machine
does falls on both. Frames are encoded while later ones are decoded, so a job's own tail of encoding
is what is left of it after the last frame; a script would encode everything after its call. On a
CPU the part that overlaps slows the decoder down, and so counts as overhead: it is ffmpeg's start.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from scripts.bench.client import Client, Json
from scripts.bench.report import Goal, Report, percentile
from scripts.service_process import clean_environment

GROUP = "job"
LOOK_SECONDS = 0.5
"""Between looks at a job: each one takes the API process, and so the model, some milliseconds."""
WARM_UP = 2
ROUNDS = 20
UNSTEADY = 1.15
"""Upper to lower quartile, from where on milliseconds of difference mean nothing."""


def measure(report: Report, client: Client, model: str, folder: Path, request: Json) -> None:
    """Take turns, and compare."""
    resolved = client.complete(request)["resolved"]
    with _bare(model, _snapshot(client, folder), resolved, folder) as bare:
        turns = range(WARM_UP + ROUNDS)
        pairs = [(client.complete(request, LOOK_SECONDS), _call(bare)) for _ in turns]
    _add_all(report, pairs[WARM_UP:])


def _add_all(report: Report, pairs: list[tuple[Json, dict[str, float]]]) -> None:
    jobs = [job_seconds(job) for job, _ in pairs]
    phases = [job["result"]["timings"] for job, _ in pairs]
    tails = [float(timings["encoding_video"]) for timings in phases]
    around = [job - sum(timings.values()) for job, timings in zip(jobs, phases, strict=True)]
    calls = [call["call"] for _, call in pairs]
    scripts = [sum(call.values()) for _, call in pairs]
    job, call, tail, script = map(quiet, (jobs, calls, tails, scripts))
    _add(report, "finished_at - started_at", job, _spread(jobs))
    _add(report, "bare call of diffusers", call, _spread(calls))
    _add(report, "encoder's tail in the job", tail, "ffmpeg's end, after the last frame")
    _add(report, "overhead: job - call - tail", job - call - tail, "", Goal(25))
    _add(report, "of it: around the phases", quiet(around), "claim, rows and files, all on disk")
    _add(report, "bare call, then ffmpeg", script, "what a script would take")
    _add(report, "job - (call, then ffmpeg)", job - script, "below 0: the job is faster")


def quiet(seconds: Sequence[float]) -> float:
    """The lower quartile: what else runs on the machine only ever adds time.

    Differences of single pairs say which of the two a neighbour's burst hit, and so does their
    median once bursts are frequent.
    """
    return percentile(seconds, 25)


def _spread(seconds: Sequence[float]) -> str:
    low, high = quiet(seconds), percentile(seconds, 75)
    words = f"lower quartile of {len(seconds)}, upper {high * 1e3:.0f}"
    return f"UNSTEADY machine, repeat: {words}" if high > low * UNSTEADY else words


def job_seconds(job: Json) -> float:
    """From claim to record."""
    started, finished = map(datetime.fromisoformat, (job["started_at"], job["finished_at"]))
    return (finished - started).total_seconds()


def _add(report: Report, name: str, seconds: float, note: str, goal: Goal | None = None) -> None:
    report.add(GROUP, name, seconds * 1e3, "ms", goal, note)


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
            start_new_session=True,  # as the worker has: the scheduler may share time by session
        ) as process,
    ):
        yield process


def _call(bare: subprocess.Popen[str]) -> dict[str, float]:
    assert bare.stdin is not None and bare.stdout is not None  # noqa: S101, PT018
    bare.stdin.write("\n")
    bare.stdin.flush()
    answer: dict[str, float] = json.loads(bare.stdout.readline())
    return answer
