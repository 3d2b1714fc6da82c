"""A video is uploaded and goes on, through the real service, on tiny random weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.tiny import magi1 as tiny
from tests import films
from tests.films import film
from tests.integration import pictures
from tests.integration.answers import error_of
from tests.integration.test_models import serving
from tests.live import LiveService
from tests.unit.media.ffprobe import probe, stream

SMALL = {"prompt": "a cat", "resolution": "128x128", "num_inference_steps": "8"}
KILO = 1000


@pytest.fixture(scope="module")
def magi1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("magi1")
    tiny.build(folder / "weights")
    limits = {
        "max_input_video_seconds": 5,
        "max_input_video_pixels": 320 * 240,
        "max_input_video_mb": 0.5,
        "max_body_mb": 2,
    }
    with serving("magi1", folder / "weights", folder, **limits) as service:
        yield service


def post(service: LiveService, path: Path, **fields: object) -> httpx.Response:
    with path.open("rb") as file:
        return service.client.post(
            "/generate",
            data={**SMALL, **{name: str(value) for name, value in fields.items()}},
            files={"video": ("../../etc/passwd.mp4", file, "video/mp4")},
        )


def refused(service: LiveService, path: Path, **fields: object) -> dict[str, str]:
    answer = post(service, path, **fields)
    assert answer.status_code == 422, answer.text
    error = error_of(answer)
    assert error["param"] == "video"
    assert error["hint"]
    assert service.inputs() == []
    return error


def finished(service: LiveService, answer: httpx.Response) -> tuple[dict[str, Any], dict[str, Any]]:
    assert answer.status_code == 202, answer.text
    job = service.wait_for(answer.json()["id"], "completed", timeout=240)
    file = service.folder / "downloaded.mp4"
    file.write_bytes(service.client.get(job["links"]["download"]).content)
    return job, stream(probe(file), "video")


def changes(job: dict[str, Any]) -> list[tuple[str, object, object]]:
    return [
        (change["field"], change["requested"], change["resolved"]) for change in job["adjustments"]
    ]


def test_a_video_goes_on(magi1: LiveService, tmp_path: Path):
    path = film(tmp_path / "a.mp4", 48)
    job, video = finished(magi1, post(magi1, path, duration=1, seed=3))
    assert (video["width"], video["height"]) == (128, 128)
    assert video["avg_frame_rate"] == "24/1"
    resolved = job["resolved"]
    assert (resolved["video_frames"], resolved["num_frames"]) == (32, 16)
    assert int(video["nb_read_frames"]) == job["result"]["num_frames"] == 48
    assert job["requested"]["video"] == "mp4 160x120, 2 s"
    assert changes(job) == [
        ("video", "160x120", "128x128"),
        ("video", "2.00 s", "32 frames, 1.33 s"),
        ("duration", 1, 0.667),
    ]
    assert resolved["video"] == f"{job['id']}.mp4"  # never the client's own name
    uploads = magi1.state / "inputs"
    assert [upload.name for upload in uploads.iterdir()] == [resolved["video"]]
    assert (uploads / resolved["video"]).read_bytes() == path.read_bytes()
    magi1.client.delete(f"/jobs/{job['id']}")
    assert not list(uploads.iterdir())


def test_an_odd_short_webm_goes_on(magi1: LiveService, tmp_path: Path):
    path = film(tmp_path / "a.webm", 11, 24, "128x128", "-c:v", "libvpx")
    job, video = finished(magi1, post(magi1, path, num_frames=16))
    assert (job["resolved"]["video_frames"], job["resolved"]["num_frames"]) == (8, 16)
    assert int(video["nb_read_frames"]) == 24
    assert changes(job) == [("video", "0.46 s", "8 frames, 0.33 s")]
    magi1.client.delete(f"/jobs/{job['id']}")


def test_a_dry_run_keeps_nothing(magi1: LiveService, tmp_path: Path):
    answer = post(magi1, film(tmp_path / "a.mp4"), num_frames=40, dry_run="true")
    assert answer.status_code == 200, answer.text
    assert answer.json()["resolved"]["video_frames"] == 32
    assert magi1.inputs() == []


def test_too_short(magi1: LiveService, tmp_path: Path):
    assert "2 of at least 4" in refused(magi1, film(tmp_path / "a.mp4", 2))["message"]


def test_too_long(magi1: LiveService, tmp_path: Path):
    error = refused(magi1, film(tmp_path / "a.mp4", 6 * 24))
    assert "6 seconds long; 5 are allowed" in error["message"]
    assert "MAX_INPUT_VIDEO_SECONDS" in error["hint"]


def test_too_many_pixels(magi1: LiveService, tmp_path: Path):
    error = refused(magi1, film(tmp_path / "a.mp4", 24, 24, "322x240"))
    assert "322x240: more than 76,800" in error["message"]


def test_too_many_bytes(magi1: LiveService, tmp_path: Path):
    path = film(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes() + bytes(600 * KILO))
    assert "0.5 MB" in refused(magi1, path)["message"]


def test_a_body_over_the_limit_is_413(magi1: LiveService, tmp_path: Path):
    path = film(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes() + bytes(2200 * KILO))
    answer = post(magi1, path)
    assert answer.status_code == 413
    assert "MAX_BODY_MB" in error_of(answer)["hint"]


def test_what_is_no_video(magi1: LiveService, tmp_path: Path):
    assert "no video in" in refused(magi1, films.sound_only(tmp_path / "a.mp4"))["message"]
    assert "not a video" in refused(magi1, films.text(tmp_path / "b.mp4", "hello"))["message"]
    assert "not a video" in refused(magi1, films.text(tmp_path / "c.mp4", ""))["message"]
    playlist = "#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n"
    assert "not a video" in refused(magi1, films.text(tmp_path / "d.mp4", playlist))["message"]


def test_damaged_or_incomplete(magi1: LiveService, tmp_path: Path):
    assert "damaged" in refused(magi1, films.damaged(film(tmp_path / "a.mp4")))["message"]
    assert "incomplete" in refused(magi1, films.beginning(film(tmp_path / "b.mp4"), 0.5))["message"]


def test_a_picture_too_is_one_too_many(magi1: LiveService, tmp_path: Path):
    video = film(tmp_path / "a.mp4").read_bytes()
    files = {"image": ("a.png", pictures.png()), "video": ("a.mp4", video)}
    answer = magi1.client.post("/generate", data=SMALL, files=files)
    assert answer.status_code == 422
    assert error_of(answer)["param"] == "video"
    assert "not with both" in error_of(answer)["message"]


def test_json_cannot_hold_a_video(magi1: LiveService):
    answer = magi1.client.post("/generate", json={"prompt": "a cat", "video": "AAAA"})
    assert answer.status_code == 422
    assert error_of(answer)["param"] == "video"
    assert "must be a JSON object" in error_of(answer)["message"]
    assert "multipart" in error_of(answer)["hint"]


def test_a_shape_that_no_video_has(magi1: LiveService, tmp_path: Path):
    path = film(tmp_path / "a.mp4", 24, 24, "640x32")
    fields = {"prompt": "a cat"}
    with path.open("rb") as file:
        answer = magi1.client.post("/generate", data=fields, files={"video": ("a.mp4", file)})
    assert "too long and thin" in error_of(answer)["message"]
    assert error_of(answer)["param"] == "video"


def test_it_is_announced(magi1: LiveService):
    info = magi1.get("/info")
    assert "video_continuation" in info["capabilities"]
    assert info["limits"]["video_input"]["max_frames"] == 32
    body = magi1.get("/openapi.json")["paths"]["/generate"]["post"]["requestBody"]["content"]
    assert body["multipart/form-data"]["schema"]["properties"]["video"]["format"] == "binary"
    named = body["application/json"]["schema"]["properties"]["video"]["anyOf"][0]
    assert named["$ref"].endswith("/VideoOf"), "of a finished job"


def test_a_file_that_is_gone_fails_its_job_with_a_reason(magi1: LiveService, tmp_path: Path):
    """What was whole when it was accepted may have been damaged on disk since."""
    long_job = magi1.submit(prompt="a cat", resolution="128x128", duration=60)
    answer = post(magi1, film(tmp_path / "a.mp4"), num_frames=16)
    job_id = answer.json()["id"]
    films.text(magi1.state / "inputs" / f"{job_id}.mp4", "nothing")
    magi1.cancel(long_job)
    job = magi1.wait_for(job_id, "failed", timeout=240)
    assert (job["error"]["code"], job["error"]["param"]) == ("invalid_request", "video")
    assert "could not be decoded" in job["error"]["message"]
    magi1.client.delete(f"/jobs/{job_id}")


def test_a_model_that_cannot_says_so_before_it_looks(service: LiveService, tmp_path: Path):
    answer = service.client.post(
        "/generate",
        data={"prompt": "a bar"},
        files={"video": ("a.mp4", films.text(tmp_path / "a.mp4", "no video").read_bytes())},
    )
    assert answer.status_code == 422
    assert error_of(answer)["param"] == "video"
    assert "does not continue videos" in error_of(answer)["message"]
    assert "video_continuation" in error_of(answer)["hint"]


@pytest.mark.slow
def test_clients_of_openai_send_it_as_the_reference_and_remix_it(
    magi1: LiveService, tmp_path: Path
):
    data = {"prompt": "a cat", "size": "128x128", "num_inference_steps": "8", "seconds": "1"}
    with film(tmp_path / "a.mp4", 48).open("rb") as file:
        upload = {"input_reference": ("a.mp4", file, "video/mp4")}
        source = magi1.client.post("/v1/videos", data=data, files=upload).json()
    before = magi1.wait_for(source["id"], "completed", timeout=240)["resolved"]
    assert (before["video_frames"], before["num_frames"]) == (32, 16)
    remix = magi1.client.post(f"/v1/videos/{source['id']}/remix", json={"prompt": "a dog"})
    assert remix.status_code == 200, remix.text
    after = magi1.job(remix.json()["id"])["resolved"]
    assert after == before | {"prompt": "a dog", "video": f"{remix.json()['id']}.mp4"}
    assert (magi1.state / "inputs" / after["video"]).is_file()
