"""A service under attack: idle, slow and hostile strangers, and what guests notice of them.

On the toy model, with default settings and room for 1,024 descriptors, as a shell gives them. The
strangers' processes are niced and have their bytes made beforehand, since they share its
processors; crowd and hostile requests come from addresses of their own.
"""

import argparse
import json
import os
import resource
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from common.kinds.video.files import VIDEO
from scripts.bench import honest
from scripts.bench.client import POLL_SECONDS, Client, running
from scripts.bench.hostile_crowd import Crowd
from scripts.bench.hostile_strangers import Strangers, strangers
from scripts.bench.hostile_watch import Watch, settled_pss, watched
from scripts.bench.hostile_wire import Outcome
from scripts.bench.report import Goal, Report, percentile
from scripts.service_process import ServiceProcess
from tests.toy.model_config import make_checkpoint

MIB = 2**20
DESCRIPTORS = 1024
CALM_SECONDS = 5.0
GUEST = "127.0.0.2"
CLIP_MIB = 64
"""Of each video that nobody reads: more than all buffers on the way hold."""
BODIES = 200
CROWD = Crowd(idle=2000, slow_heads=500, slow_bodies=280, stalled_bodies=20, readers=20)
HEALTH_MS, ACCEPT_SECONDS, PEAK_MIB, AFTER_MIB, LOG_MIB = 50, 1, 400, 80, 1
_QUICK: dict[str, Any] = {"prompt": "a bar", "num_frames": 5, "num_inference_steps": 1}


@dataclass
class Moments:
    """When each part of the measurement began and ended."""

    spans: dict[str, tuple[float, float]] = field(default_factory=dict)

    def sleep(self, name: str, seconds: float) -> None:
        """Let a part pass."""
        began = time.monotonic()
        time.sleep(seconds)
        self.spans[name] = (began, time.monotonic())

    def within(self, name: str, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """What was begun in a part."""
        began, ended = self.spans[name]
        return [one for one in outcomes if began <= one.moment < ended]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--seconds", type=float, default=30, help="of the attack (30)")
    parser.add_argument("--rest", type=float, default=60, help="seconds after it (60)")
    parser.add_argument("--share", type=float, default=1, help="of the strangers (1: all)")
    parser.add_argument("--addresses", type=int, default=1, help="of each group of strangers (1)")
    parser.add_argument("--outcomes", type=Path, metavar="FILE", help="each hostile request's")
    parser.add_argument("--folder", type=Path, default=Path(".benchmark"))


def run(args: argparse.Namespace, report: Report) -> int:
    """Calm, attack, rest; 1 where a goal is missed."""
    folder: Path = args.folder.resolve() / "hostile"
    shutil.rmtree(folder, ignore_errors=True)
    make_checkpoint(folder / "models")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))  # the service inherits it
    try:
        with running("toy", folder, "tests.toy") as (service, client):
            _attack(args, report, service, client)
            shutil.copy(service.log, args.folder / "hostile.log")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if report.goals_met else 1


def _attack(
    args: argparse.Namespace, report: Report, service: ServiceProcess, client: Client
) -> None:
    job, small, large = client.complete(dict(_QUICK))["id"], _batch(client), _batch(client)
    crowd = _share(args.share, _grown(client, service.log.parents[1], large))
    bodies, moments, size = max(1, int(BODIES * args.share)), Moments(), service.log.stat().st_size
    with (
        strangers(service.port, crowd, bodies, job, args.addresses) as hostile,
        honest.visiting(service.port, GUEST, job, small) as visits,
        watched(service.pid) as watch,
    ):
        report.heading(f"Calm, and then under attack for {args.seconds:g} s")
        moments.sleep("calm", CALM_SECONDS)
        hostile.begin()
        moments.sleep("attack", args.seconds)
        hostile.end()
        report.heading(f"At rest for {args.rest:g} s")
        moments.sleep("rest", args.rest)
        pss = settled_pss(service.pid)
    for name in moments.spans:
        _add_guests(report, name, moments.within(name, visits.outcomes))
    _add_memory(report, watch, pss)
    _add_strangers(report, hostile)
    _add_log(report, service.log.read_bytes()[size:])
    if args.outcomes:
        args.outcomes.write_text(json.dumps([asdict(one) for one in hostile.outcomes], indent=1))
    client.complete(dict(_QUICK))


def _share(share: float, downloads: list[str]) -> Crowd:
    counts = asdict(replace(CROWD, downloads=[])).items()
    fewer = {kind: max(1, int(count * share)) for kind, count in counts if kind != "downloads"}
    return Crowd(**fewer, downloads=downloads)


def _batch(client: Client) -> str:
    """The id of a batch of two finished videos."""
    batch: str = client.post("/generate/batch", {"requests": [_QUICK, _QUICK]})["id"]
    while client.get(f"/batches/{batch}")["state"] != "completed":
        time.sleep(POLL_SECONDS)
    return batch


def _grown(client: Client, folder: Path, batch: str) -> list[str]:
    """Make the videos of a batch large; the paths of the ZIP, and of one of them."""
    jobs = [member["job_id"] for member in client.get(f"/batches/{batch}")["members"]]
    for job in jobs:
        (video,) = folder.glob(f"outputs/toy/{job}*/{VIDEO.name}")
        os.truncate(video, CLIP_MIB * MIB)
    return [f"/batches/{batch}/download", f"/v1/videos/{jobs[0]}/content"]


def _add_guests(report: Report, when: str, outcomes: Sequence[Outcome]) -> None:
    """How long they waited, and how many were turned away."""
    for name in honest.EVERY_SECONDS:
        seen = [one for one in outcomes if one.name == name]
        if not seen:
            continue  # too short a part
        percent, label = (99, "p99") if name == honest.HEALTH else (100, "slowest")
        seconds = [one.seconds for one in seen]
        value, middle = (percentile(seconds, at) * 1e3 for at in (percent, 50))
        note = f"p50 {middle:.3g} ms, {len(seen)} asked"
        report.add(when, f"{name}, {label}", value, "ms", _bound(name, when), note)
    others = Counter(f"{one.name}: {one.status}" for one in outcomes if one.status[:1] != "2")
    told = ", ".join(f"{count} {what}" for what, count in others.most_common())
    report.add(when, "turned away or unanswered", sum(others.values()), "", Goal(0), told)


def _bound(name: str, when: str) -> Goal | None:
    if when != "attack":
        return None
    return Goal(HEALTH_MS if name == honest.HEALTH else ACCEPT_SECONDS * 1e3)


def _add_memory(report: Report, watch: Watch, pss: int) -> None:
    note = f"{watch.descriptors} descriptors at most; {watch.cpu_seconds:.3g} s of the processor"
    report.add("API", "most memory, RSS", watch.api_rss / MIB, "MiB", Goal(PEAK_MIB), note)
    report.add("API", "memory after the rest, PSS", pss / MIB, "MiB", Goal(AFTER_MIB))
    readers = watch.children_rss / MIB
    report.add("readers", "most memory, RSS of all", readers, "MiB", None, "children, no worker")


def _add_strangers(report: Report, hostile: Strangers) -> None:
    for kind, count in sorted(hostile.visits.items()):
        report.add("crowd", kind, count, "")
    answers = Counter(one.status for one in hostile.outcomes)
    for status, count in sorted(answers.items()):
        slowest = max(
            (one for one in hostile.outcomes if one.status == status), key=lambda one: one.seconds
        )
        note = f"slowest {slowest.seconds:.3g} s: {slowest.name}"
        goal = Goal(0) if status == "500" else None
        report.add("hostile requests", status, count, "", goal, note)


def _add_log(report: Report, said: bytes) -> None:
    note = f"{said.count(b'Traceback')} tracebacks"
    report.add("log", "lines", said.count(b"\n"), "", None, note)
    report.add("log", "size", len(said) / MIB, "MiB", Goal(LOG_MIB))
