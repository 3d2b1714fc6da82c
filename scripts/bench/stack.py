"""A running stack: latency of /health and submit, seconds and throughput of jobs, per model."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from scripts.bench.chart import Bar, draw
from scripts.bench.report import Report, median, percentile
from scripts.bench.stack_jobs import Jobs, Refused, ask, make, submit
from scripts.bench.workloads import PROMPT
from scripts.health_ask import urls_on
from scripts.plain_http import key_headers

TIMEOUT_SECONDS = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("models", nargs="*", metavar="MODEL", help="all when left out")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--url", action="append", default=[], help="a service that is elsewhere")
    parser.add_argument("--jobs", type=int, default=2, help="jobs of each model (2)")
    parser.add_argument("--submits", type=int, default=20, help="the rest is cancelled (20)")
    parser.add_argument("--requests", type=int, default=200, help="of /health (200)")
    parser.add_argument("--duration", type=float, help="seconds of video; else the model's own")
    parser.add_argument("--resolution", help="such as 832x480; else the model's own")
    parser.add_argument("--steps", type=int, help="denoising steps; else the model's own")
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw the result there")


def run(args: argparse.Namespace, report: Report) -> None:
    """Measure one service after the other: they share one machine."""
    bars = [bar for url in _urls(args) for bar in _service(url, args, report)]
    if args.png is not None:
        draw(args.png, "Seconds of work for one second of video", bars)


def _urls(args: argparse.Namespace) -> list[str]:
    known = urls_on(args.host)
    if unknown := set(args.models) - known.keys():
        raise SystemExit(f"no such model: {', '.join(unknown)} (there are {', '.join(known)})")
    return args.url or [known[name] for name in args.models or known]


def _service(url: str, args: argparse.Namespace, report: Report) -> list[Bar]:
    headers = key_headers()
    with httpx.Client(
        base_url=url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False
    ) as client:
        try:
            model = str(ask(client, "GET", "/")["model"])
            report.heading(f"{model} at {url}")
            health = [_timed(lambda: ask(client, "GET", "/health")) for _ in range(args.requests)]
            _add_latency(report, model, "GET /health", health)
            return _add_jobs(report, model, _jobs(client, args, report, model))
        except (Refused, httpx.HTTPError) as exc:
            reason = str(exc) if isinstance(exc, Refused) else "no answer: see make health"
            report.add(url, "not measured", 0, "", None, reason)
            return []


def _jobs(client: httpx.Client, args: argparse.Namespace, report: Report, model: str) -> Jobs:
    ids: list[str] = []
    body = _body(args)
    count = max(args.jobs, args.submits)
    seconds = [_timed(lambda: ids.append(submit(client, body))) for _ in range(count)]
    _add_latency(report, model, "POST /generate", seconds)
    return make(client, ids[: args.jobs], surplus=ids[args.jobs :])


def _body(args: argparse.Namespace) -> dict[str, Any]:
    asked = {
        "duration": args.duration,
        "resolution": args.resolution,
        "num_inference_steps": args.steps,
    }
    wish = {"prompt": PROMPT, "seed": 42, "no_cache": True}
    return wish | {k: v for k, v in asked.items() if v is not None}


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _add_latency(report: Report, model: str, name: str, seconds: list[float]) -> None:
    for percent in (50, 99):
        value = percentile(seconds, percent) * 1e3
        report.add(model, f"{name}, p{percent}", value, "ms", None, f"{len(seconds)} requests")


def _add_jobs(report: Report, model: str, jobs: Jobs) -> list[Bar]:
    for failure in jobs.failures:
        report.add(model, "a job failed", 1, "", None, failure)
    if not jobs.seconds:
        return []
    note = f"{len(jobs.seconds)} jobs of {jobs.video_seconds:.1f} s, {jobs.what}"
    report.add(model, "loading, first job", jobs.loading_seconds, "s")
    report.add(model, "seconds a job", median(jobs.seconds), "s", None, f"median of {note}")
    report.add(model, "videos an hour", 3600 * len(jobs.seconds) / sum(jobs.seconds), "/h")
    ratio = median(jobs.seconds) / jobs.video_seconds
    report.add(model, "for a second of video", ratio, "s", None, "without loading")
    for phase, seconds in jobs.phases.items():
        report.add(model, f"  {phase.replace('_', ' ')}", seconds, "s", None, "median")
    return [Bar(model, ratio)]
