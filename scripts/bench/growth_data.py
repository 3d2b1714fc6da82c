"""Job databases with a long past, made in seconds: rows as a service writes them, inserted in bulk.

They are made as an earlier version left them, without totals and the newer indexes, so that what
opening one costs, once, is measured too.
"""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from secrets import token_hex
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.schema import CreateTable

from common.jobs.database import sqlite_url
from common.jobs.model import NewJob, Progress
from common.jobs.rows import to_row
from common.jobs.schema import jobs
from common.jobs.sql import SqlJobStore
from common.jobs.states import JobState
from common.kinds.video import VIDEO_KIND
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.result import VideoResult
from tests.toy.model_config import SPEC

MODEL = SPEC.id
PROMPT = "A cat walks along a beach at sunset, seen from behind, with long shadows on wet sand. "
FAILED_EVERY = 50
SECONDS_APART = 30
_FOLDER = "@folder@"


def make_database(path: Path, ended: int, queued: int) -> float:
    """Write it; answers the seconds that this version takes to open it for the first time."""
    path.unlink(missing_ok=True)
    engine = create_engine(sqlite_url(path))
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute(str(CreateTable(jobs).compile(engine)))
        _fill(database, _past(JobState.COMPLETED), ended)
        _fill(database, _new(), queued)
        _fail_some(database)
        database.commit()
    engine.dispose()
    started = time.perf_counter()
    SqlJobStore(sqlite_url(path), MODEL, VIDEO_KIND).close()
    return time.perf_counter() - started


def make_folders(outputs: Path, path: Path, count: int) -> None:
    """Published folders of the newest completed jobs, as far as the sweep looks at them."""
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT result FROM jobs WHERE state = 'completed' ORDER BY number DESC LIMIT ?"
        for (made,) in database.execute(query, [count]):
            folder = outputs / json.loads(made)["folder"]
            folder.mkdir(parents=True)
            (folder / "video.mp4").write_bytes(b"video")
            (folder / "manifest.json").write_text(json.dumps({"job_id": folder.name[:32]}))


def _fill(database: sqlite3.Connection, row: dict[str, Any], count: int) -> None:
    """``count`` rows like this one, each with an id and times of its own; made by SQLite alone."""
    own = {
        "id": "id",
        "created_at": f":now - (:count - n) * {SECONDS_APART}",
        "started_at": "CASE WHEN :ended THEN :now - (:count - n) * 30 + 1 END",
        "finished_at": "CASE WHEN :ended THEN :now - (:count - n) * 30 + 5 + n % 20 END",
        "result": f"replace(:result, '{_FOLDER}', id || '-' || id)",
    }
    names = ", ".join(row)
    values = ", ".join(own.get(name, f":{name}") for name in row)
    database.execute(  # names and values are those above
        "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted"  # noqa: S608
        " WHERE n < :count), named AS MATERIALIZED (SELECT n, lower(hex(randomblob(16))) AS id"
        f" FROM counted) INSERT INTO jobs ({names}) SELECT {values} FROM named",
        row | {"count": count, "now": time.time(), "ended": row["state"] != "queued"},
    )


def _new() -> dict[str, Any]:
    """The row of a job that was accepted; its prompt is as long as prompts are."""
    resolved = ResolvedRequest(
        prompt=PROMPT * 3,
        negative_prompt="",
        width=64,
        height=48,
        num_frames=9,
        fps=8,
        seed=42,
        num_inference_steps=60,
        guidance_scale=1,
        options={"step_seconds": 60},  # the first one that is made holds the worker
    )
    asked = {"prompt": PROMPT * 3, "seed": 42}
    new = NewJob(id=token_hex(16), model=MODEL, requested=asked, resolved=resolved)
    times = {"created_at": None, "started_at": None, "finished_at": None}
    return to_row(new, VIDEO_KIND.name) | times | {"result": None}


def result(folder: str) -> VideoResult:
    """What a job of the toy model has made."""
    return VideoResult(
        folder=folder,
        size_bytes=123_456,
        width=64,
        height=48,
        num_frames=9,
        fps=8,
        duration_seconds=1.125,
        has_audio=False,
        checkpoint="toy/toy",
        revision=token_hex(20),
        timings={"encoding_prompt": 0.5, "denoising": 8.0, "decoding": 1.0, "encoding_video": 1.0},
    )


def _past(state: JobState) -> dict[str, Any]:
    done = Progress(percent=100, seconds_left=0).model_dump_json()
    ended = {"state": state.value, "progress": done, "attempts": 1}
    return _new() | ended | {"result": result(_FOLDER).model_dump_json()}


def _fail_some(database: sqlite3.Connection) -> None:
    database.execute(
        "UPDATE jobs SET state = 'failed', result = NULL, error = ?"
        " WHERE state = 'completed' AND number % ? = 0",
        [
            '{"code": "generation_failed", "message": "It went wrong inside the model."}',
            FAILED_EVERY,
        ],
    )
