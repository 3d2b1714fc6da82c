"""Files and rows after a crash in between: what is whole is kept, what nobody claims goes."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from common.kinds.video import VIDEO_KIND
from common.kinds.video.files import THUMBNAIL, VIDEO
from common.publishing.storage import Storage
from tests.integration.fleet import Fleet
from tests.live import LiveService


@pytest.fixture
def finished(fleet: Fleet) -> tuple[LiveService, dict[str, Any]]:
    """A stopped service with one finished job, to take a manifest from."""
    service = fleet.start()
    job = service.finish(seed=3)
    return service, job


def published(service: LiveService, job_id: str, like: dict[str, Any]) -> Path:
    """A folder as an attempt leaves it that died before its record."""
    original = service.videos(like["id"])[0]
    draft = Storage(service.outputs, VIDEO_KIND.files).begin(job_id, token_hex(16))
    (draft.folder / VIDEO.name).write_bytes((original / "video.mp4").read_bytes())
    (draft.folder / THUMBNAIL.name).write_bytes((original / "thumbnail.jpg").read_bytes())
    manifest = json.loads((original / "manifest.json").read_text())
    draft.publish(manifest)
    return service.outputs / draft.folder.name


def begun(service: LiveService, job_id: str) -> None:
    """Its row says that there was an attempt, which died."""
    with closing(sqlite3.connect(service.database)) as database, database:
        database.execute("UPDATE jobs SET started_at = created_at WHERE id = ?", (job_id,))


def test_a_published_video_is_adopted_and_not_made_again(
    finished: tuple[LiveService, dict[str, Any]],
) -> None:
    service, model = finished
    blocker = service.submit(options={"step_seconds": 0.3})
    service.wait_for(blocker, "denoising")
    job_id = service.submit(options={"die_at": "denoising"})  # it could never be made
    published(service, job_id, like=model)
    job = service.wait_for(job_id, "completed")
    assert job["attempts"] == 1
    assert job["result"]["size_bytes"] == model["result"]["size_bytes"]
    assert len(service.videos(job_id)) == 1
    video = service.client.get(job["links"]["download"]).content
    assert video == service.client.get(model["links"]["download"]).content


def test_a_published_video_of_a_job_that_is_cancelled_in_the_queue_goes_with_it(
    finished: tuple[LiveService, dict[str, Any]],
) -> None:
    service, model = finished
    blocker = service.submit(options={"step_seconds": 0.3}, num_inference_steps=100)
    service.wait_for(blocker, "denoising")
    job_id = service.submit()
    begun(service, job_id)
    published(service, job_id, like=model)
    assert service.cancel(job_id).json()["state"] == "cancelled"
    assert service.videos(job_id) == []
    service.cancel(blocker)


def test_what_a_record_gives_up_and_what_was_never_finished_goes_at_start(
    finished: tuple[LiveService, dict[str, Any]],
) -> None:
    service, model = finished
    service.stop()
    stray = [
        published(service, model["id"], like=model),  # an earlier attempt of a completed job
        Storage(service.outputs, VIDEO_KIND.files).begin(token_hex(16), token_hex(16)).folder,
    ]
    own = service.outputs / "notes.txt"
    own.write_text("a file that somebody put here")
    service.restart()
    service.wait_swept()
    assert [path for path in stray if path.exists()] == []
    assert own.exists()
    assert service.client.get(model["links"]["download"]).status_code == 200
