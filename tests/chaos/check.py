"""The promise, checked from outside: every accepted job ends in one way, and its file says so."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import psutil

from tests.chaos.ground import Ground
from tests.chaos.ledger import Ledger
from tests.chaos.tracebacks import foreign_tracebacks
from tests.live import ENDED, LiveService, alive

Job = dict[str, Any]
MAX_ATTEMPTS = 3


def violations(ground: Ground) -> list[str]:
    """Every broken rule, in words. The service runs, and its queue is empty."""
    service, ledger = ground.service, ground.ledger
    jobs = service.jobs()
    found = [
        *_rows(jobs, ledger),
        *_folders(service, jobs, ledger),
        *_totals(ground),
        *_zombies(service),
    ]
    for job in jobs:
        found += [f"{job['id']}: {text}" for text in _job(service, job, ledger)]
    return found


def violations_at_rest(ground: Ground) -> list[str]:
    """The same, once the service was stopped."""
    service, ledger = ground.service, ground.ledger
    found = [f"worker {pid} outlived its service" for pid in ledger.workers if alive(pid)]
    found += [f"{name} is left behind" for name in (*_processes(service), *_scraps(service))]
    if ground.postgres is None and (verdict := service.query("PRAGMA integrity_check")) != [
        ("ok",)
    ]:
        found.append(f"the database is damaged: {verdict}")
    with service.log_file.open(errors="replace") as log:
        found += [f"in the log, {n} times: {text}" for text, n in foreign_tracebacks(log).items()]
    return found


def _rows(jobs: list[Job], ledger: Ledger) -> Iterator[str]:
    """Every 202 has its row, and every row was asked for, once."""
    ids = {job["id"] for job in jobs}
    for tag, job_id in ledger.accepted.items():
        if job_id not in ids:
            yield f"{tag} was accepted as {job_id}, which is lost"
    tags = Counter(job["resolved"]["prompt"] for job in jobs if job["id"] not in ledger.planted)
    yield from (f"{tag} was made {count} jobs" for tag, count in tags.items() if count > 1)
    yield from (f"nobody asked for {tag}" for tag in tags.keys() - ledger.kinds.keys())


def _totals(ground: Ground) -> Iterator[str]:
    """What /metrics says is what stands in the table."""
    rows = dict(ground.table.rows("SELECT state, count(*) FROM jobs GROUP BY state"))
    said = ground.service.get("/metrics")
    for state, name in (("completed", "successful"), ("failed", "failed"), ("cancelled",) * 2):
        if said[name] != rows.get(state, 0):
            yield f"/metrics says {said[name]} {name}, and the table has {rows.get(state, 0)}"


def _zombies(service: LiveService) -> Iterator[str]:
    for child in psutil.Process(service.process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.status() == psutil.STATUS_ZOMBIE:
                yield f"process {child.pid} is a zombie"


def _processes(service: LiveService) -> Iterator[str]:
    """Processes that were started with this service's settings, and still run."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("STATE_DIR") == str(service.settings["STATE_DIR"]):
                yield f"process {process.pid} ({' '.join(process.cmdline()[:4])})"


def _scraps(service: LiveService) -> Iterator[str]:
    """Files that a service at rest has no use for."""
    odd = ("*.tmp", "*-journal", "inputs/[!.]*", "*.foreign/jobs.db")
    for pattern in odd:
        yield from (str(path) for path in service.state.parent.rglob(pattern))


def _folders(service: LiveService, jobs: list[Job], ledger: Ledger) -> Iterator[str]:
    """Nothing lies about that no job stands behind.

    But for drafts of a job whose row could not be read: no worker took it up, and a start removes
    them.
    """
    known = {job["id"] for job in jobs}
    for folder in service.videos():
        if folder.name.partition("-")[0] not in known:
            yield f"{folder.name} belongs to no job"
    drafts = (path.name for path in service.partials())
    yield from (
        f"{name} was never finished"
        for name in drafts
        if name.partition("-")[0] not in ledger.planted
    )


def _job(service: LiveService, job: Job, ledger: Ledger) -> Iterator[str]:
    files, state = service.videos(job["id"]), job["state"]
    if state not in ENDED:
        yield f"it is still {state}"
    if job["id"] in ledger.planted:
        return  # what its record says is not to be believed
    if len(files) != (1 if state == "completed" else 0):
        yield f"it is {state} with {len(files)} files"
    if state == "completed" and files:
        yield from _video(service, job, files[0])
    if (state == "failed") != bool(job["error"]):
        yield f"it is {state}, and its error is {job['error']}"
    yield from _end(job, ledger)


def _video(service: LiveService, job: Job, folder: Path) -> Iterator[str]:
    """The file is whole: it decodes to its last frame, and it is what is served."""
    made, path = job["result"], folder / "video.mp4"
    if (frames := _frames(path)) != made["num_frames"] or path.stat().st_size != made["size_bytes"]:
        yield f"its file has {frames} frames of {made['num_frames']}"
    if json.loads((folder / "manifest.json").read_text())["job_id"] != job["id"]:
        yield "its manifest is another job's"
    if service.client.head(job["links"]["download"]).status_code != 200:
        yield "it cannot be downloaded"


def _frames(path: Path) -> int:
    video = cv2.VideoCapture(str(path))
    count = 0
    while video.read()[0]:
        count += 1
    video.release()
    return count


def _end(job: Job, ledger: Ledger) -> Iterator[str]:
    """Each end has its reason, and the reason is ours."""
    tag, state, attempts = job["resolved"]["prompt"], job["state"], job["attempts"]
    hits = ledger.may_have_hit(job["id"])
    if ledger.kinds.get(tag) == "poison":
        if (state, attempts) != ("failed", MAX_ATTEMPTS):
            yield f"a poisonous job is {state} after {attempts} attempts"
    elif attempts > hits + 1:
        yield f"it was tried {attempts} times, and its worker was killed {hits} times"
    if state == "cancelled" and tag not in ledger.cancels:
        yield "nobody cancelled it"
    if state == "failed" and (job["error"]["code"], attempts) != ("worker_died", MAX_ATTEMPTS):
        yield f"it failed after {attempts} attempts: {job['error']}"
