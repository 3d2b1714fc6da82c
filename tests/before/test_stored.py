"""Volumes and databases of the release before, served by this one."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from standardwebhooks import Webhook

from tests.before.documents import differences
from tests.before.stored import (
    Stored,
    be,
    caller,
    digest,
    load_postgres,
    point_sqlite,
    toy_on,
    unpack,
)
from tests.before.story import keyed
from tests.live import ENDED, LiveService, wait_until
from tests.postgres import started
from tests.receivers import SECRET, Receiver, receiver

Json = dict[str, Any]

MOVES = {"attempts", "eta", "finished_at", "progress", "queue_position", "result", "started_at"}
"""What changes of a job while it is made, with its state."""
MADE = ("interrupted", "pictured_queued", "queued")


@dataclass(frozen=True)
class Resumed:
    """This release's service on what the one before left."""

    service: LiveService
    stored: Stored
    target: Receiver
    manifests: dict[str, bytes]
    """By the names of the published folders, before it started."""

    def known(self, kind: str) -> dict[str, Json]:
        """The stored answers about ended jobs at ``/jobs/ID`` or ``/v1/videos/ID``."""
        said = self.stored.answers
        listed = self.still("/jobs?limit=100", "jobs")
        ids = [job["id"] for job in listed if job["state"] in ENDED]
        return {f"{kind}/{job}": said[f"{kind}/{job}"] for job in ids}

    def still(self, path: str, field: str) -> list[Json]:
        """A stored list, without the job that a test deletes."""
        spare = self.stored.jobs["spare"]
        return [one for one in self.stored.answers[path][field] if one["id"] != spare]

    def now(self, path: str, field: str) -> list[Json]:
        """The same list, as it is now."""
        spare = self.stored.jobs["spare"]
        return [one for one in self.service.get(path)[field] if one["id"] != spare]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def resumed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Resumed]:
    folder, url = tmp_path_factory.mktemp(request.param), None
    with ExitStack() as stack:
        if request.param == "postgres":
            url = stack.enter_context(started()).url
        target = stack.enter_context(receiver())
        stored = unpack(request.param, folder)
        point_sqlite(folder, target) if url is None else load_postgres(folder, url, target)
        service = toy_on(folder, url)
        stack.callback(service.close)
        manifests = manifests_of(service)
        be(service.start(), "ana")
        service.wait_swept()
        yield Resumed(service, stored, target, manifests)
        print(service.log(200))  # shown where a test failed
        service.stop()
        assert "Traceback" not in service.log(10_000)


def manifests_of(service: LiveService) -> dict[str, bytes]:
    return {folder.name: (folder / "manifest.json").read_bytes() for folder in service.videos()}


def test_ended_jobs_are_seen_as_they_were(resumed: Resumed):
    seen = resumed.known("/jobs") | resumed.known("/v1/videos")
    assert len(seen) == 2 * 11
    for path, before in seen.items():
        assert not list(differences(before, resumed.service.get(path)))


def test_lists_are_in_the_same_order(resumed: Resumed):
    for path, field in (("/jobs?limit=100", "jobs"), ("/v1/videos?limit=100", "data")):
        before, now = resumed.still(path, field), resumed.now(path, field)
        assert [job["id"] for job in now][-len(before) :] == [job["id"] for job in before]
    failed = "/jobs?limit=100&state=failed"
    assert not list(differences(resumed.stored.answers[failed], resumed.service.get(failed)))


def test_ended_batches_are_seen_as_they_were(resumed: Resumed):
    path = f"/batches/{resumed.stored.batches['ended']}"
    for about in (path, f"{path}/manifest"):
        assert not list(differences(resumed.stored.answers[about], resumed.service.get(about)))
    archive = ZipFile(BytesIO(resumed.service.client.get(f"{path}/download").content))
    clip, *others = resumed.stored.answers[f"{path}/manifest"]["clips"]
    video = hashlib.sha256(archive.read(clip["file"])).hexdigest()
    assert video == resumed.stored.files[f"/jobs/{clip['job_id']}/download"]
    assert (archive.namelist(), others) == ([clip["file"], "manifest.json"], [])
    newest_first = [batch["id"] for batch in resumed.stored.answers["/batches"]["batches"]]
    assert [one["id"] for one in resumed.service.get("/batches")["batches"]] == newest_first


def test_files_are_the_same_bytes(resumed: Resumed):
    spare = resumed.stored.jobs["spare"]
    paths = [path for path in resumed.stored.files if spare not in path]
    assert len(paths) > 20
    for path in paths:
        assert digest(resumed.service, path) == resumed.stored.files[path], path


def test_published_folders_stay_where_and_what_they_are(resumed: Resumed):
    now = manifests_of(resumed.service)
    spare = resumed.stored.jobs["spare"]
    kept = {name: text for name, text in resumed.manifests.items() if not name.startswith(spare)}
    assert len(kept) == 9
    assert {name: now.get(name) for name in kept} == kept
    assert not (resumed.service.outputs / ".unclaimed").exists()


def test_what_had_not_ended_is_made(resumed: Resumed):
    service, stored = resumed.service, resumed.stored
    for name in MADE:
        before, now = stored.job(name), service.wait_for(stored.jobs[name], "completed", timeout=60)
        made = {**without_moves(before), "state": "completed"}
        assert not list(differences(made, without_moves(now)))
        assert now["attempts"] == before["attempts"] + 1
        assert service.client.get(now["links"]["download"]).content[4:8] == b"ftyp"
        assert len(service.videos(now["id"])) == 1
        assert bool(before["resolved"]["image"]) == name.startswith(("interrupted", "pictured"))


def without_moves(job: Json) -> Json:
    return {name: value for name, value in job.items() if name not in MOVES}


def test_a_batch_that_waited_is_made(resumed: Resumed):
    path = f"/batches/{resumed.stored.batches['waiting']}"

    def ended() -> Json | None:
        now: Json = resumed.service.get(path)
        return now if now["state"] == "completed" else None

    now, before = wait_until(ended, 60, "the batch is made"), resumed.stored.answers[path]
    for name in ("id", "model", "checkpoint", "name", "total", "created_at", "links"):
        assert now[name] == before[name]
    same = ("index", "prompt", "job_id", "earlier", "links")
    assert [[one[name] for name in same] for one in now["members"]] == [
        [one[name] for name in same] for one in before["members"]
    ]


def test_the_key_still_names_its_job(resumed: Resumed):
    answer = keyed(resumed.service)
    assert (answer.status_code, answer.json()["id"]) == (202, resumed.stored.jobs["keyed"])
    assert answer.headers["Idempotent-Replayed"] == "true"


def test_the_call_that_was_owed_is_made(resumed: Resumed):
    job_id, target = resumed.stored.jobs["told"], resumed.target
    wait_until(lambda: target.told, 60, "the receiver is called")
    told = target.told[0]
    event, job = Webhook(SECRET).verify(told.body, told.headers), resumed.stored.job("told")
    assert event["type"] == "job.completed"
    links = {name: job["links"][name] for name in ("self", "download")}
    wanted = {name: job[name] for name in ("id", "model", "state", "error")}
    assert event["data"] == wanted | {"links": links}
    path = f"/jobs/{job_id}/webhook"
    wait_until(lambda: resumed.service.get(path)["state"] == "delivered", what="it is settled")
    before, now = resumed.stored.answers[path], resumed.service.get(path)
    assert (now["id"], told.headers["webhook-id"]) == (before["id"], before["id"])
    assert [one["status"] for one in now["attempts"]] == [500, 200]
    assert now["attempts"][0] == before["attempts"][0]


def test_each_caller_still_has_their_own(resumed: Resumed):
    path, job = *resumed.stored.theirs.keys(), *resumed.stored.theirs.values()
    told = f"/jobs/{resumed.stored.jobs['told']}"
    assert resumed.service.client.get(path).status_code == 404
    with caller(resumed.service, "ben") as ben:
        assert not list(differences(job, ben.get(path).json()))
        assert [one["id"] for one in ben.get("/jobs").json()["jobs"]] == [job["id"]]
        assert ben.get(told).status_code == 404


def test_jobs_are_deleted_with_their_files_and_stay_so(resumed: Resumed):
    service, spare = resumed.service, resumed.stored.jobs["spare"]
    assert service.client.get(f"/jobs/{resumed.stored.jobs['removed']}").status_code == 404
    upload = service.state / "inputs" / f"{spare}.png"
    assert upload.is_file()
    assert service.client.delete(f"/jobs/{spare}").status_code == 204
    assert service.client.get(f"/jobs/{spare}").status_code == 404
    assert not service.videos(spare)
    assert not upload.exists()


def test_totals_and_experience_go_on(resumed: Resumed):
    service = resumed.service
    for name in MADE:
        service.wait_for(resumed.stored.jobs[name], "completed", timeout=60)
    before, now = resumed.stored.answers["/metrics"], service.get("/metrics")
    assert (now["failed"], now["cancelled"]) == (before["failed"], before["cancelled"])
    assert before["successful"] + len(MADE) <= now["successful"]
    dry = service.client.post("/generate", json={"prompt": "a bar", "dry_run": True}).json()
    assert dry["memory"]["measured"], "of a shape that ran before"
    assert dry["seconds"] is not None


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[tuple[LiveService, Stored]]:
    """The stored outputs, and no state at all."""
    stored = unpack("sqlite", tmp_path)
    service = toy_on(tmp_path)
    service.state.rename(tmp_path / "lost")
    be(service.start(), "ana")
    yield service, stored
    service.close()


def test_manifests_alone_give_the_videos_back(lost: tuple[LiveService, Stored]):
    service, stored = lost
    service.wait_swept()
    names = ("keyed", "completed", "pictured", "told", "templated", "videos", "remixed", "spare")
    for name in names:
        before, now = stored.job(name), service.job(stored.jobs[name])
        for field in ("state", "requested", "resolved", "adjustments", "priority", "result"):
            assert not list(differences(before[field], now[field])), (name, field)
        download = before["links"]["download"]
        assert digest(service, download) == stored.files[download]
    own = [job["id"] for job in service.jobs()]
    assert stored.jobs["theirs"] not in own
    assert len(own) == len(names) + 1, "with that of the batch"
    with caller(service, "ben") as ben:
        theirs = ben.get("/jobs").json()["jobs"]
    assert [job["id"] for job in theirs] == [stored.jobs["theirs"]]
