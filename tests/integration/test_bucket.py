"""A service whose finished files go to a bucket: what its clients see of that, and of a kill."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.buckets import BUCKET, KEYS, S3, Front, fetched, front_of, s3_server
from tests.films import film
from tests.integration.answers import error_of
from tests.integration.fleet import Fleet
from tests.integration.test_models import serving
from tests.live import LiveService, wait_until


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def front(s3: S3) -> Iterator[Front]:
    with front_of(s3) as opened:
        yield opened


def settings(front: Front, folder: Path, **more: Any) -> dict[str, Any]:
    keys = folder / "s3_keys"
    keys.write_text(KEYS.replace(" ", "\n"))
    where = {"s3_bucket": BUCKET, "s3_prefix": "clips", "s3_endpoint_url": front.url}
    return where | {"s3_keys_file": keys, "s3_timeout_seconds": 2, "s3_keep_local": 0} | more


def stored(service: LiveService, job_id: str) -> str:
    return str(service.job(job_id)["stored"]["state"])


def wait_stored(service: LiveService, job_id: str) -> None:
    wait_until(lambda: stored(service, job_id) == "uploaded", 60, "its files are in the bucket")
    wait_until(lambda: not service.videos(job_id), 60, "and no longer on disk")


def bucket_is_down(service: LiveService, front: Front) -> str:
    """Jobs are made all the same, and it is said why their files wait. Answers a job."""
    front.rule = lambda _asked: 500
    service.start()
    wait_until(lambda: service.get("/ready")["notes"], 60, "it is said that the bucket is down")
    assert service.get("/ready")["ready"] is True
    job = service.finish(num_frames=9, fps=8, seed=1)
    assert (job["stored"]["state"], job["expires_at"]) == ("pending", None)
    assert job["stored"]["key"] == f"clips/toy/{job['id']}/video.mp4"
    info = service.get("/info")["bucket"]
    assert (info["waiting"], info["reachable"]) == (1, False)
    assert info["last_error"] == "The bucket answers 500."
    text = service.client.get("/metrics", headers={"Accept": "text/plain"}).text
    assert 'videosdgx_uploads_waiting{model="toy"} 1.0' in text
    assert service.client.get(job["links"]["download"]).status_code == 200
    return str(job["id"])


def is_streamed(service: LiveService, job_id: str, whole: bytes) -> None:
    job = service.job(job_id)
    path = job["links"]["download"]
    assert job["expired_at"] is None
    answer = service.client.get(path)
    assert (answer.status_code, answer.content) == (200, whole)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    head = service.client.head(path)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(whole)))
    part = service.client.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    known = service.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert known.status_code == 304
    beyond = service.client.get(path, headers={"Range": f"bytes={len(whole)}-"})
    assert beyond.status_code == 416
    assert service.client.get(f"/v1/videos/{job_id}/content").content == whole
    thumbnail = service.client.get(job["links"]["thumbnail"])
    assert thumbnail.headers["content-type"] == "image/jpeg"


def test_a_bucket_that_is_down_holds_up_nothing_and_what_is_there_is_served(
    fleet: Fleet, front: Front, s3: S3, tmp_path: Path
) -> None:
    service = fleet.prepare(**settings(front, tmp_path))
    job_id = bucket_is_down(service, front)
    whole = service.client.get(f"/jobs/{job_id}/download").content
    front.rule = lambda _asked: None
    wait_stored(service, job_id)
    assert service.get("/ready")["notes"] == []
    assert service.get("/info")["bucket"]["waiting"] == 0
    assert s3.bytes(f"clips/toy/{job_id}/video.mp4") == whole
    is_streamed(service, job_id, whole)

    on = service.finish(extend=job_id, num_frames=8)
    assert on["result"]["num_frames"] == 17
    assert service.videos(job_id), "it was brought back for that"
    wait_stored(service, on["id"])

    front.rule = lambda _asked: 500
    away = service.client.get(f"/jobs/{on['id']}/download")
    assert (away.status_code, error_of(away)["code"]) == (503, "bucket_unavailable")
    front.rule = lambda _asked: None
    assert service.client.delete(f"/jobs/{on['id']}").status_code == 204
    wait_until(lambda: not s3.keys(f"clips/toy/{on['id']}/"), 60, "it leaves no objects")
    assert len(s3.keys(f"clips/toy/{job_id}/")) == 3


def test_a_kill_while_it_uploads_and_presigned_addresses(
    fleet: Fleet, front: Front, s3: S3, tmp_path: Path
) -> None:
    service = fleet.start(**settings(front, tmp_path, s3_downloads="presigned"))
    front.rule = lambda asked: "hangs" if asked.path.endswith("/video.mp4") else None
    job_id = service.finish()["id"]
    whole = service.client.get(f"/jobs/{job_id}/download").content
    wait_until(lambda: any("video.mp4" in one.path for one in front.asked), 60, "it uploads")
    service.kill()
    front.rule = lambda _asked: None
    service.restart()
    wait_stored(service, job_id)
    assert len(s3.keys(f"clips/toy/{job_id}/")) == 3
    answer = service.client.get(f"/jobs/{job_id}/download")
    assert (answer.status_code, answer.headers["cache-control"]) == (307, "no-store")
    shown = service.client.get(f"/jobs/{job_id}/download", headers={"Sec-Fetch-Dest": "video"})
    assert (shown.status_code, shown.content) == (200, whole)
    part = fetched(answer.headers["location"], Range="bytes=5-")
    assert (part.status_code, part.content) == (206, whole[5:])
    assert part.headers["content-disposition"].startswith("attachment; filename=")


def test_a_request_names_its_input_and_its_output(front: Front, s3: S3, tmp_path: Path) -> None:
    """In the cutting room, with nothing fetched from anywhere else."""
    video = film(tmp_path / "a.mp4", 24).read_bytes()
    s3.client.put_object(Bucket=BUCKET, Key="raw/a b.mp4", Body=video)
    wishes = settings(front, tmp_path, s3_input_buckets=BUCKET)
    with serving("studio", tmp_path / "models", tmp_path, **wishes) as studio:

        def ended(source: str, state: str = "completed") -> dict[str, Any]:
            body = {"url_video": source, "path": "films/2025", "output_filename": "a.mp4"}
            answer = studio.client.post("/video/edit", json=body)
            assert answer.status_code == 202, answer.text
            return studio.wait_for(answer.json()["id"], state)

        first = ended(f"s3://{BUCKET}/raw/a b.mp4")
        wait_until(lambda: stored(studio, first["id"]) == "uploaded", 60, "it is uploaded")
        assert studio.job(first["id"])["stored"]["key"] == "clips/films/2025/a.mp4"
        whole = s3.bytes("clips/films/2025/a.mp4")
        answer = studio.client.get(first["links"]["download"])
        assert (answer.content, whole[4:8]) == (whole, b"ftyp")
        assert answer.headers["content-disposition"] == 'attachment; filename="a.mp4"'

        second = ended(f"s3://{BUCKET}/raw/a b.mp4")
        wait_until(lambda: stored(studio, second["id"]) == "uploaded", 60, "it is uploaded")
        told = studio.job(second["id"])["stored"]
        assert told["key"] == f"clips/studio/{second['id']}/video.mp4"
        assert "clips/films/2025/a.mp4" in told["refused"]
        assert s3.bytes("clips/films/2025/a.mp4") == whole

        failed = ended(f"s3://{BUCKET}/raw/b.mp4", "failed")["error"]
        assert (failed["param"], "no such object" in failed["message"]) == ("video", True)
        refused = studio.client.post("/video/edit", json={"video": "s3://others/a.mp4"})
        assert (refused.status_code, error_of(refused)["param"]) == (422, "video")


def test_without_keys_it_does_not_start(fleet: Fleet, tmp_path: Path) -> None:
    service = fleet.prepare(s3_bucket=BUCKET)
    service.launch()
    assert service.exit_code() == 1
    assert "S3_KEYS" in service.log()
