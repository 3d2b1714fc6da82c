"""Fused batches: eight small clips made together against eight made one by one, over sizes."""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from scripts.bench.client import Client, Json, is_completed, running
from scripts.bench.report import Report
from scripts.bench.service import make_weights
from scripts.service_process import clean_environment

SIZES = ("128x128x5", "128x128x17", "192x192x17", "256x256x17")
HEADS = 8
"""1024 wide: a third of the 5B, which a CPU can still bear."""
MODEL = "waver"
WORTH = 0.9
"""Of the time of single clips: what a batch must stay below to pay."""
PARTS = ("tiny", "wide", "service")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--count", type=int, default=8, help="clips of a batch (8)")
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WxHxFRAMES")
    parser.add_argument("--heads", type=int, default=HEADS, help="of 128, the wide one's (8)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    parser.add_argument("--folder", type=Path, default=Path(".benchmark"))


def run(args: argparse.Namespace, report: Report) -> None:
    """The pipelines first, each in a process of its own, then the services."""
    folder: Path = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name, heads in (("tiny", 0), ("wide", args.heads)):
        if name in args.only:
            report.heading(f"The pipeline, {name} random weights")
            add_pipelines(report, name, _pipelines(folder, heads, args))
    if "service" in args.only:
        report.heading("The service, tiny random weights")
        make_weights(MODEL, folder)
        for size in args.sizes:
            _add_services(report, folder, size, args.count)


def _pipelines(folder: Path, heads: int, args: argparse.Namespace) -> Iterator[Json]:
    command = [sys.executable, "-W", "ignore", "-m", "scripts.bench.batch_child"]
    command += [str(folder / "models"), str(heads), str(args.count), *args.sizes]
    environment = clean_environment() | {"OMP_NUM_THREADS": "1"}
    with (
        (folder / f"batch-{heads}.log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log) as child,
    ):
        assert child.stdout is not None  # noqa: S101  # we asked for it
        yield from (json.loads(line) for line in child.stdout if line.startswith(b"{"))
    if child.returncode:
        raise SystemExit(f"it failed: {log.name}")


def add_pipelines(report: Report, name: str, sizes: Iterable[Json]) -> None:
    """Ratios by size, and from where on a batch no longer pays."""
    above = []
    for size in sizes:
        denoising, whole = (
            together / apart
            for together, apart in zip(size["together"], size["apart"], strict=True)
        )
        note = f"{size['tokens']} tokens; {size['together'][0]:.2f} / {size['apart'][0]:.2f} s"
        report.add(f"{name} pipeline", f"{size['size']}, denoising", denoising, "x", None, note)
        report.add(f"{name} pipeline", f"{size['size']}, with decoding", whole, "x")
        above += [size["tokens"]] if denoising > WORTH else []
    note = "the smallest that was measured to save less than a tenth; 0: none"
    report.add(f"{name} pipeline", "crossover", min(above, default=0), "tokens", None, note)


def _add_services(report: Report, folder: Path, size: str, count: int) -> None:
    """Queue to last record, of jobs that wait together."""
    together, apart = (_queue_seconds(folder, size, count, fused) for fused in (count, 1))
    note = f"{together:.2f} / {apart:.2f} s for {count} jobs, waiting to recorded"
    report.add("service", size, together / apart, "x", None, note)


def _queue_seconds(folder: Path, size: str, count: int, fused: int) -> float:
    for leftovers in ("outputs", "state"):
        shutil.rmtree(folder / leftovers, ignore_errors=True)
    settings = {"QUANTIZATION": "none", "FUSED_BATCH": str(fused), "OMP_NUM_THREADS": "1"}
    with running(MODEL, folder, **settings) as (_, client):
        client.complete(_body(size, 1))  # the model is loaded in it
        return min(_once(client, size, count) for _ in range(2))


def _once(client: Client, size: str, count: int) -> float:
    blocker = client.submit(_body(size, 1, steps=100))  # so that all of them wait
    client.wait(blocker, lambda job: bool(job["progress"]["phase"] == "denoising"))
    ids = [client.submit(_body(size, seed)) for seed in range(count)]
    client.post(f"/jobs/{blocker}/cancel")
    client.wait(blocker, lambda job: bool(job["state"] == "cancelled"))
    started = time.perf_counter()
    for job_id in ids:
        client.wait(job_id, is_completed)
    return time.perf_counter() - started


def _body(size: str, seed: int, steps: int = 2) -> dict[str, Any]:
    width, height, num_frames = size.split("x")
    return {
        "prompt": f"A cat walks on beach number {seed}",
        "seed": seed,
        "resolution": f"{width}x{height}",
        "num_frames": int(num_frames),
        "num_inference_steps": steps,
        "guidance_scale": 5,
    }
