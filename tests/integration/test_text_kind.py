"""A kind of work that is no video, on the whole stack: tests/kinds/text, of which nothing knows."""

import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from standardwebhooks import Webhook

from tests.integration.answers import error_of, events_of
from tests.integration.callers import callers, everyone, made_by
from tests.integration.test_auth import ended
from tests.integration.test_cli import Shell
from tests.integration.test_webhooks import delivered, told
from tests.kinds.live_text import live_text
from tests.live import LiveService, wait_until
from tests.receivers import SECRET, receiver

SLOW = {"step_seconds": 0.1}
LONG = {"words": 1000, "options": SLOW}
WEBHOOKS: dict[str, object] = {
    "webhooks_allowed": 1,
    "webhook_secret": SECRET,
    "webhook_allow_http": 1,
    "webhook_allow_private": 1,
    "webhook_ports": "any",
}


@pytest.fixture(scope="module")
def shared_texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    service = live_text(tmp_path_factory.mktemp("texts"), fused_batch=4, **WEBHOOKS)
    yield service.start()
    service.close()


@pytest.fixture
def texts(shared_texts: LiveService) -> LiveService:
    """The one that most tests share; its queue is empty."""
    for job in shared_texts.jobs(state=["queued", "running", "loading", "waiting"]):
        shared_texts.cancel(job["id"])
        shared_texts.wait_for(job["id"], "cancelled")
    return shared_texts


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LiveService]:
    """For a test that stops it."""
    service = live_text(tmp_path, drain_seconds=0.5)
    yield service.start()
    service.close()


def downloaded(service: LiveService, job: dict[str, Any]) -> str:
    answer = service.client.get(job["links"]["download"])
    assert answer.status_code == 200
    return answer.text


def batch_of(service: LiveService, *requests: dict[str, Any]) -> dict[str, Any]:
    """From post to end."""
    answer = service.client.post("/generate/batch", json={"requests": requests})
    assert answer.status_code == 202, answer.text
    path = answer.json()["links"]["self"]

    def look() -> dict[str, Any] | None:
        batch: dict[str, Any] = service.get(path)
        return batch if batch["state"] in ("completed", "partial", "failed") else None

    return wait_until(look, what="the batch ends")


def test_a_text_is_asked_for_made_and_downloaded(texts: LiveService) -> None:
    job = texts.finish(prompt="A red kite", words=3, seed=5)
    answer = texts.client.get(job["links"]["download"])
    assert re.fullmatch(r"A red kite:( [a-z]+){3}\n", answer.text)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert re.search(r'"text_A-red-kite_[\d-]+_\w{8}\.txt"', answer.headers["content-disposition"])
    assert job["result"]["characters"] == job["result"]["size_bytes"] == len(answer.text)
    assert job["resolved"].keys() == {"prompt", "words", "seed", "options"}
    assert job["links"].keys() == {"self", "cancel", "download"}
    [folder] = texts.videos(job["id"])
    assert {path.name for path in folder.iterdir()} == {"text.txt", "manifest.json"}
    assert json.loads((folder / "manifest.json").read_text())["kind"] == "text"
    again = texts.finish(prompt="A red kite", words=3, seed=5)
    assert downloaded(texts, again) == answer.text
    form = texts.client.post("/generate", files={"prompt": (None, "a"), "words": (None, "2")})
    assert texts.wait_for(form.json()["id"], "completed")["resolved"]["words"] == 2


def test_what_cannot_be_asked_of_a_text_is_refused_in_its_own_words(texts: LiveService) -> None:
    def refused(**fields: Any) -> dict[str, str]:
        answer = texts.client.post("/generate", json={"prompt": "x", **fields})
        assert answer.status_code == 422, answer.text
        return error_of(answer)

    assert refused(fps=24)["param"] == "fps"
    assert refused(words=1001)["hint"] == "Ask for 1000."
    assert refused(options={"brightness": 1})["param"] == "options.brightness"
    files = {"prompt": (None, "x"), "image": ("a.png", b"x")}
    answer = texts.client.post("/generate", files=files)
    assert (answer.status_code, error_of(answer)["param"]) == (422, "image")


def test_a_killed_worker_costs_no_text(texts: LiveService) -> None:
    job_id = texts.submit(SLOW, words=20)
    texts.wait_for(job_id, "denoising")
    texts.kill_worker()
    job = texts.wait_for(job_id, "completed")
    assert job["attempts"] == 2
    assert len(texts.videos(job_id)) == 1
    assert downloaded(texts, job).startswith("a bar: ")


def test_one_that_kills_every_worker_fails_in_words_of_its_kind(texts: LiveService) -> None:
    job = texts.wait_for(texts.submit({"dies": True}), "failed")
    assert job["error"]["code"] == "worker_died"
    assert "while making this text" in job["error"]["message"]
    job = texts.wait_for(texts.submit({"raises": True}), "failed")
    assert job["error"]["code"] == "generation_failed"
    assert "secret" not in str(job)


def test_one_that_is_made_is_cancelled(texts: LiveService) -> None:
    job_id = texts.submit(**LONG)
    texts.wait_for(job_id, "denoising")
    assert texts.cancel(job_id).json()["state"] == "cancelling"
    texts.wait_for(job_id, "cancelled")
    assert texts.client.get(f"/jobs/{job_id}/download").status_code == 409
    wait_until(lambda: not texts.videos(job_id) and not texts.partials(), what="no file is left")


def test_a_batch_its_manifest_and_its_zip(texts: LiveService) -> None:
    wrong, broken = {"prompt": "x", "words": 5000}, {"prompt": "x", "options": {"raises": True}}
    batch = batch_of(texts, {"prompt": "One"}, {"prompt": "Two", "words": 2}, wrong, broken)
    assert batch["state"] == "partial"
    assert batch["members"][2]["error"]["param"] == "requests.2.words"
    manifest = texts.get(batch["links"]["manifest"])
    assert [one["characters"] for one in manifest["clips"]] == [
        len(downloaded(texts, texts.job(member["job_id"]))) for member in batch["members"][:2]
    ]
    assert [one["index"] for one in manifest["missing"]] == [2, 3]
    archive = zipfile.ZipFile(io.BytesIO(texts.client.get(batch["links"]["download"]).content))
    names = archive.namelist()
    assert names == [*(one["file"] for one in manifest["clips"]), "manifest.json"]
    assert names[0].endswith(".txt")
    assert archive.read(names[1]).startswith(b"Two: ")
    nothing = texts.client.get(batch_of(texts, broken)["links"]["download"])
    assert nothing.status_code == 409
    assert "video" not in nothing.text


def test_waiting_texts_are_made_together(texts: LiveService) -> None:
    blocker = texts.submit(**LONG)
    texts.wait_for(blocker, "denoising")
    ids = [texts.submit(seed=seed) for seed in range(6)]
    texts.cancel(blocker)
    jobs = [texts.wait_for(job_id, "completed") for job_id in ids]
    assert [job["result"]["fused"] for job in jobs] == [4, 4, 4, 4, 2, 2]
    alone = texts.finish(seed=3)
    assert alone["result"]["fused"] == 1
    assert downloaded(texts, alone) == downloaded(texts, jobs[3])
    assert downloaded(texts, alone) != downloaded(texts, jobs[2])


def test_its_end_is_told(texts: LiveService) -> None:
    with receiver() as target:
        job_id = texts.submit(webhook_url=target.url)
        [call] = told(target)
        event = Webhook(SECRET).verify(call.body, call.headers)
        assert (event["type"], event["data"]["id"]) == ("job.completed", job_id)
        assert downloaded(texts, event["data"])
        assert delivered(texts, job_id)["state"] == "delivered"


def test_its_events_are_told(texts: LiveService) -> None:
    # What lies between two looks is told as its last word: a second is worth several looks.
    job_id = texts.submit({"step_seconds": 1}, words=3)
    found = events_of(texts, f"/jobs/{job_id}/events")
    jobs = [json.loads(event["data"]) for event in found]
    assert {event["event"] for event in found} == {"state", "progress"}
    assert jobs[-1]["state"] == "completed"
    assert jobs[-1] == texts.job(job_id)


def test_the_same_key_makes_one_text(texts: LiveService) -> None:
    def sent(words: int) -> Any:
        body = {"prompt": "x", "words": words}
        return texts.client.post("/generate", json=body, headers={"Idempotency-Key": "texts-1"})

    assert sent(2).json()["id"] == sent(2).json()["id"]
    assert error_of(sent(3))["code"] == "idempotency_key_reused"


def test_a_dry_run_says_memory_and_seconds(own: LiveService) -> None:
    own.finish(words=10, options={"step_seconds": 0.05})
    body: dict[str, Any] = {"prompt": "x", "words": 100}
    said = own.client.post("/generate", json=body | {"dry_run": True}).json()
    assert said["resolved"]["words"] == 100
    assert said["memory"]["total_bytes"] > 0
    assert said["seconds"] > 0
    batch = {"requests": [body, {"prompt": "y", "words": 200}], "dry_run": True}
    both = own.client.post("/generate/batch", json=batch).json()
    assert (both["jobs"], both["seconds"] > said["seconds"]) == (2, True)


def test_what_could_never_fit_is_refused_with_fewer_words(tmp_path: Path) -> None:
    service = live_text(tmp_path, memory_pool_gb=0.08, memory_floor_gb=0)
    try:
        service.start()
        answer = service.client.post("/generate", json={"prompt": "x", "words": 1000})
        assert answer.status_code == 422, answer.text
        assert error_of(answer)["param"] == "words"
        assert re.fullmatch(r"These would fit: words \d{3}\.", error_of(answer)["hint"])
    finally:
        service.close()


def test_nobody_sees_anothers_texts(tmp_path: Path) -> None:
    keys = everyone(tmp_path)
    service = live_text(tmp_path / "service", api_keys_file=keys.path).start()
    try:
        with callers(service, keys) as known:
            job = ended(known["ana"], made_by(known["ana"]))
            assert known["ana"].get(job["links"]["download"]).status_code == 200
            for path in job["links"].values():
                assert known["ben"].get(path).status_code in (404, 405)
                assert known["nobody"].get(path).status_code == 401
            assert known["ben"].get("/jobs").json()["jobs"] == []
            assert [one["id"] for one in known["root"].get("/jobs").json()["jobs"]] == [job["id"]]
    finally:
        service.close()


def test_figures_and_facts_of_the_service(texts: LiveService) -> None:
    texts.finish()
    assert texts.get("/metrics")["successful"] > 0
    scraped = texts.client.get("/metrics", headers={"Accept": "text/plain"}).text
    assert 'videosdgx_jobs_ended_total{model="text",reason="",state="completed"}' in scraped
    info = texts.get("/info")
    assert (info["capabilities"], info["limits"]) == (["text_to_text"], {"max_words": 1000})
    assert info["options"]["properties"].keys() >= {"step_seconds", "raises"}
    assert texts.get("/queue/status")["queued"] == 0
    for path in ("/presets", "/v1/videos", "/v1/models"):
        assert texts.client.get(path).status_code == 404


def _as_3_1(document: dict[str, Any]) -> dict[str, Any]:
    """Without the one word of version 3.2 that FastAPI has for streams of events."""
    plain: dict[str, Any] = json.loads(json.dumps(document))
    for operations in plain["paths"].values():
        stream = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        stream.get("text/event-stream", {}).pop("itemSchema", None)
    return plain


KEPT = {"video_seconds", "Video", "encoding_video"}
"""Words of the API that all kinds have, and that clients of the first one know."""


def test_its_api_is_described_and_speaks_of_no_video(texts: LiveService) -> None:
    document = texts.get("/openapi.json")
    schemathesis.openapi.from_dict(_as_3_1(document)).validate()
    parts = document["components"]["schemas"]
    assert parts.keys() >= {"TextResultView", "TextShown", "ResolvedText"}
    assert not parts.keys() & {"ResolvedRequest", "VideoView", "ResultView", "ClipView"}
    assert parts["JobView"]["properties"]["result"]["anyOf"][0] == {
        "$ref": "#/components/schemas/TextResultView"
    }
    assert document["paths"]["/generate"]["post"]["summary"] == "Make a text"
    assert "for the text." in document["info"]["description"]
    for said in (json.dumps(document), json.dumps(texts.get("/"))):
        words = re.findall(r"\w*(?:video|mp4|frame|film|sound)\w*", said, re.IGNORECASE)
        assert {word for word in words if "videosdgx" not in word.lower()} <= KEPT


def test_the_command_line_follows_and_fetches_texts(texts: LiveService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, texts.url)
    shell("generate", "A red kite", "--field", "words=2", "--wait", "--output", "kite.txt")
    assert (tmp_path / "kite.txt").read_text().startswith("A red kite: ")
    job_id = texts.jobs()[0]["id"]
    assert re.search(r"words +2\n", shell("show", job_id).out)
    assert "A red kite" in shell("list").out
    assert shell("download", job_id).out.strip().endswith(".txt")


def test_a_restart_serves_what_was_finished(own: LiveService) -> None:
    job = own.finish()
    text = downloaded(own, job)
    own.stop()
    own.restart()
    assert own.job(job["id"]) == job
    assert downloaded(own, job) == text


def test_a_lost_database_is_made_again_from_the_texts(own: LiveService) -> None:
    job = own.finish(prompt="Kept")
    text = downloaded(own, job)
    own.stop()
    own.database.unlink()
    own.restart()
    own.wait_swept()
    again = own.job(job["id"])
    assert [again[name] for name in ("state", "requested", "resolved", "result")] == [
        job[name] for name in ("state", "requested", "resolved", "result")
    ]
    assert downloaded(own, again) == text


def test_a_row_of_another_kind_is_told_and_stops_nobody(own: LiveService) -> None:
    done = own.finish()["id"]
    running = own.submit(**LONG)
    foreign, last = own.submit(), own.submit()
    own.wait_for(running, "denoising")
    own.cancel(running)
    own.wait_for(running, "cancelled")
    own.wait_for(foreign, "completed")
    own.wait_for(last, "completed")
    own.stop()
    with closing(sqlite3.connect(own.database)) as database, database:
        database.execute("UPDATE jobs SET kind = 'video' WHERE id IN (?, ?)", (done, foreign))
        again = "UPDATE jobs SET state = 'queued', result = NULL, finished_at = NULL WHERE id = ?"
        database.executemany(again, [(foreign,), (last,)])
    own.restart()
    own.wait_for(last, "completed")
    for job_id in (done, foreign):
        job = own.job(job_id)
        assert (job["state"], job["error"]["code"]) == ("failed", "unreadable_record")
    own.finish()
