"""Real jobs on a service that runs, and what they took by the service's own account."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from scripts.bench.report import median

POLL_SECONDS = 0.25
ENDED = ("completed", "failed", "cancelled")

Json = dict[str, Any]


class Refused(Exception):
    """The service said no, or is none; the message is its own."""


@dataclass(frozen=True)
class Jobs:
    """``seconds`` of each completed job from its start to its end, without loading the model."""

    seconds: list[float]
    phases: dict[str, float]
    """Medians. Encoding runs beside decoding, so they do not add up."""
    loading_seconds: float
    video_seconds: float
    what: str
    """Size, frames and steps."""
    failures: list[str]


def ask(client: httpx.Client, method: str, path: str, body: Json | None = None) -> Json:
    """The JSON of one answer.

    Raises:
        Refused: it is an error, or no JSON.
        httpx.HTTPError: nothing answers.
    """
    answer = client.request(method, path, json=body)
    try:
        found: Json = answer.json()
        error = found.get("error") if answer.is_error else None
    except (ValueError, AttributeError) as exc:
        raise Refused("what answers is no service of ours") from exc
    if answer.is_error:
        error = error or {"message": f"it answers {answer.status_code}"}
        raise Refused(f"{error['message']} {error.get('hint') or ''}".strip())
    return found


def submit(client: httpx.Client, body: Json) -> str:
    """The id of a new job."""
    return str(ask(client, "POST", "/generate", body)["id"])


def make(client: httpx.Client, ids: Sequence[str], surplus: Sequence[str]) -> Jobs:
    """Wait for the jobs; those that were only there to be accepted are removed."""
    try:
        for job_id in reversed(surplus):  # the newest first: the oldest is the next to be begun
            client.post(f"/jobs/{job_id}/cancel")  # 409 where it has ended already
        ended = [_end(client, job_id) for job_id in ids]
        for job_id in surplus:
            _end(client, job_id)
            client.delete(f"/jobs/{job_id}")
    except KeyboardInterrupt:  # nobody wants these videos any more
        for job_id in ids:
            client.post(f"/jobs/{job_id}/cancel")
        raise
    return _figures([job for job in ended if job["state"] == "completed"], _failures(ended))


def _end(client: httpx.Client, job_id: str) -> Json:
    while (job := ask(client, "GET", f"/jobs/{job_id}"))["state"] not in ENDED:
        time.sleep(POLL_SECONDS)
    return job


def _failures(jobs: Sequence[Json]) -> list[str]:
    return [(job["error"] or {}).get("message", "cancelled") for job in jobs if not job["result"]]


def _figures(jobs: Sequence[Json], failures: list[str]) -> Jobs:
    timings: list[dict[str, float]] = [job["result"]["timings"] for job in jobs]
    names = dict.fromkeys(name for one in timings for name in one if name != "loading")
    loading = [one.get("loading", 0.0) for one in timings]
    return Jobs(
        seconds=[_seconds(job) - load for job, load in zip(jobs, loading, strict=True)],
        phases={name: median([one.get(name, 0.0) for one in timings]) for name in names},
        loading_seconds=max(loading, default=0.0),
        video_seconds=jobs[0]["result"]["duration_seconds"] if jobs else 0.0,
        what=_what(jobs[0]["resolved"]) if jobs else "",
        failures=failures,
    )


def _seconds(job: Json) -> float:
    begin, end = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
    return (end - begin).total_seconds()


def _what(resolved: Json) -> str:
    size = f"{resolved['width']}x{resolved['height']}"
    return f"{size}, {resolved['num_frames']} frames, {resolved['num_inference_steps']} steps"
