"""The first minutes of a new user: post, follow, download, look."""

from pathlib import Path
from typing import Any

import pytest

from tests.live import LiveService
from tests.unit.media.ffprobe import probe, stream

PROMPT = "A red balloon over São Paulo, at dawn"


@pytest.fixture(scope="module")
def job(shared: LiveService) -> dict[str, Any]:
    """One finished job, for all tests here."""
    if not shared.running:
        shared.start()
    return shared.finish(prompt=PROMPT, seed=7, num_frames=17)


@pytest.fixture
def video(service: LiveService, job: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "downloaded.mp4"
    path.write_bytes(service.client.get(job["links"]["download"]).content)
    return path


def test_the_job_says_what_was_asked_made_and_measured(job: dict[str, Any]) -> None:
    assert job["requested"] == {"prompt": PROMPT, "seed": 7, "num_frames": 17, "options": {}}
    assert (job["resolved"]["num_frames"], job["resolved"]["seed"]) == (17, 7)
    assert (job["attempts"], job["error"], job["progress"]["percent"]) == (1, None, 100)
    assert job["result"]["revision"] == "toy-revision"
    assert {"denoising", "decoding"} <= set(job["result"]["timings"])


def test_other_players_play_the_video(video: Path, job: dict[str, Any]) -> None:
    picture = stream(probe(video), "video")
    assert (picture["codec_name"], picture["pix_fmt"]) == ("h264", "yuv420p")
    assert (picture["width"], picture["height"]) == (64, 48)
    assert int(picture["nb_read_frames"]) == job["result"]["num_frames"] == 17


def test_there_is_sound(video: Path) -> None:
    assert stream(probe(video), "audio")["codec_name"] == "aac"


def test_the_file_says_how_it_was_made(video: Path) -> None:
    tags = probe(video)["format"]["tags"]
    assert (tags["prompt"], tags["seed"], tags["model"]) == (PROMPT, "7", "toy")


def test_the_file_has_a_name_that_people_recognise(
    service: LiveService, job: dict[str, Any]
) -> None:
    answer = service.client.head(job["links"]["download"])
    name = answer.headers["content-disposition"]
    assert "toy_A-red-balloon-over" in name
    assert f"{job['id'][:8]}.mp4" in name


def test_head_says_the_size_and_sends_nothing(service: LiveService, job: dict[str, Any]) -> None:
    answer = service.client.head(job["links"]["download"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == job["result"]["size_bytes"]
    assert answer.headers["content-type"] == "video/mp4"


def test_a_player_can_fetch_a_part(service: LiveService, job: dict[str, Any], video: Path) -> None:
    path = job["links"]["download"]
    part = service.client.get(path, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == video.read_bytes()[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{video.stat().st_size}"


def test_a_part_beyond_the_end_is_refused(service: LiveService, job: dict[str, Any]) -> None:
    headers = {"Range": "bytes=99999999-"}
    assert service.client.get(job["links"]["download"], headers=headers).status_code == 416


def test_there_is_a_picture_of_it(service: LiveService, job: dict[str, Any]) -> None:
    answer = service.client.get(job["links"]["thumbnail"])
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content.startswith(b"\xff\xd8\xff")


def test_the_same_seed_makes_the_same_video(
    service: LiveService, job: dict[str, Any], video: Path
) -> None:
    again = service.finish(prompt=PROMPT, seed=job["resolved"]["seed"], num_frames=17)
    assert service.client.get(again["links"]["download"]).content == video.read_bytes()


def test_deleting_removes_the_row_and_the_file(service: LiveService) -> None:
    job_id = service.finish()["id"]
    assert len(service.videos(job_id)) == 1
    assert service.client.delete(f"/jobs/{job_id}").status_code == 204
    assert service.client.get(f"/jobs/{job_id}").status_code == 404
    assert service.videos(job_id) == []


def test_a_file_that_somebody_removed_is_gone_and_not_an_error_of_ours(
    service: LiveService,
) -> None:
    job_id = service.finish()["id"]
    (service.videos(job_id)[0] / "video.mp4").unlink()
    assert service.client.get(f"/jobs/{job_id}/download").status_code == 410
