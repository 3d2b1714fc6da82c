"""The promise, checked from outside: every accepted job ends in one way, and its file says so."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

from tests.chaos.ledger import Ledger
from tests.live import ENDED, LiveService, alive

Job = dict[str, Any]
MAX_ATTEMPTS = 3


def violations(service: LiveService, ledger: Ledger) -> list[str]:
    """Every broken rule, in words. The service runs, and its queue is empty."""
    jobs = service.jobs()
    found = [*_rows(jobs, ledger), *_folders(service, jobs)]
    for job in jobs:
        found += [f"{job['id']}: {text}" for text in _job(service, job, ledger)]
    return found


def violations_at_rest(service: LiveService, ledger: Ledger) -> list[str]:
    """The same, once the service was stopped."""
    found = [f"worker {pid} outlived its service" for pid in ledger.workers if alive(pid)]
    if (verdict := service.query("PRAGMA integrity_check")) != [("ok",)]:
        found.append(f"the database is damaged: {verdict}")
    return found


def _rows(jobs: list[Job], ledger: Ledger) -> Iterator[str]:
    """Every 202 has its row, and every row was asked for."""
    by_tag = {job["resolved"]["prompt"]: job["id"] for job in jobs}
    if len(by_tag) != len(jobs):
        yield f"{len(jobs) - len(by_tag)} jobs were accepted twice"
    for tag, job_id in ledger.accepted.items():
        if by_tag.get(tag) != job_id:
            yield f"{tag} was accepted as {job_id}, and there is {by_tag.get(tag)}"
    yield from (f"nobody asked for {tag}" for tag in by_tag.keys() - ledger.kinds.keys())


def _folders(service: LiveService, jobs: list[Job]) -> Iterator[str]:
    """Nothing lies about that no job stands behind."""
    known = {job["id"] for job in jobs}
    for folder in service.videos():
        if folder.name.partition("-")[0] not in known:
            yield f"{folder.name} belongs to no job"
    yield from (f"{path.name} was never finished" for path in service.partials())


def _job(service: LiveService, job: Job, ledger: Ledger) -> Iterator[str]:
    files, state = service.videos(job["id"]), job["state"]
    if state not in ENDED:
        yield f"it is still {state}"
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
