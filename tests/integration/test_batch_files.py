"""All videos of a batch as one ZIP, made while it is sent, and the list of what is in it."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.integration.answers import error_of
from tests.integration.test_batches import FAILING, LONG, QUICK, end, make
from tests.live import LiveService, wait_until
from tests.unit.media.ffprobe import probe, stream

MIB = 1024**2


@pytest.fixture
def batch(service: LiveService) -> dict[str, Any]:
    """Two finished videos, one that failed and one that was refused."""
    good = [{"prompt": "São Paulo", "seed": 7, **QUICK}, {"prompt": "b", **QUICK}]
    return end(service, make(service, *good, {"prompt": ""}, FAILING, name="Two & more"))


def clip(service: LiveService, batch: dict[str, Any], index: int) -> Path:
    (folder,) = service.videos(batch["members"][index]["job_id"])
    return folder / "video.mp4"


def grow(path: Path, mebibytes: int) -> None:
    """More than fits between the service and a client that does not read."""
    with path.open("r+b") as file:
        file.truncate(mebibytes * MIB)


def opened(answer: httpx.Response) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


def test_the_zip_has_every_finished_video_and_the_manifest(
    service: LiveService, batch: dict[str, Any], tmp_path: Path
) -> None:
    answer = service.client.get(batch["links"]["download"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert 'filename="toy_Two-more_2' in answer.headers["content-disposition"]
    archive = opened(answer)
    names = [info.filename for info in archive.infolist()]
    assert names[0].startswith("000_toy_São-Paulo_")
    assert names[1].startswith("001_toy_b_")
    assert names[2:] == ["manifest.json"]
    assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    for name in names[:2]:
        video = Path(archive.extract(name, tmp_path))
        assert int(stream(probe(video), "video")["nb_read_frames"]) == 5
    assert json.loads(archive.read("manifest.json")) == service.get(batch["links"]["manifest"])


def test_the_manifest_says_how_each_video_was_made(
    service: LiveService, batch: dict[str, Any]
) -> None:
    manifest = service.get(batch["links"]["manifest"])
    assert (manifest["batch_id"], manifest["state"]) == (batch["id"], "partial")
    first, second = manifest["clips"]
    job = service.job(first["job_id"])
    assert (first["index"], first["prompt"], first["seed"]) == (0, "São Paulo", 7)
    assert first["resolved"] == job["resolved"]
    for name in ("checkpoint", "revision", "stands_in_for", "duration_seconds", "size_bytes"):
        assert first[name] == job["result"][name]
    assert second["index"] == 1
    missing = {one["index"]: (one["state"], one["error"]["code"]) for one in manifest["missing"]}
    assert missing == {2: ("refused", "invalid_request"), 3: ("failed", "generation_failed")}


def test_what_is_finished_can_be_had_before_the_rest(service: LiveService) -> None:
    made = make(service, {"prompt": "a", **QUICK}, {"prompt": "b", **LONG})
    service.wait_for(made["members"][0]["job_id"], "completed")
    service.wait_for(made["members"][1]["job_id"], "denoising")
    archive = opened(service.client.get(made["links"]["download"]))
    assert len(archive.namelist()) == 2
    missing = json.loads(archive.read("manifest.json"))["missing"]
    assert [(one["index"], one["state"]) for one in missing] == [(1, "running")]


def test_without_a_finished_video_there_is_no_zip(service: LiveService) -> None:
    made = make(service, {"prompt": "b", **LONG})
    answer = service.client.get(made["links"]["download"])
    assert (answer.status_code, error_of(answer)["code"]) == (409, "batch_conflict")
    assert made["id"] in error_of(answer)["hint"]
    assert service.get(made["links"]["manifest"])["clips"] == []


def test_a_file_that_is_gone_is_left_out_and_listed(
    service: LiveService, batch: dict[str, Any]
) -> None:
    clip(service, batch, 0).unlink()
    archive = opened(service.client.get(batch["links"]["download"]))
    assert len(archive.namelist()) == 2
    missing = json.loads(archive.read("manifest.json"))["missing"]
    assert (missing[0]["index"], missing[0]["state"]) == (0, "completed")
    clip(service, batch, 1).unlink()
    answer = service.client.get(batch["links"]["download"])
    assert (answer.status_code, error_of(answer)["code"]) == (410, "file_gone")


def test_a_video_that_is_removed_meanwhile_is_still_whole(
    service: LiveService, batch: dict[str, Any]
) -> None:
    for index in (0, 1):
        grow(clip(service, batch, index), 16)
    with service.client.stream("GET", batch["links"]["download"]) as answer:
        chunks = answer.iter_raw()
        content = next(chunks)
        removed = batch["members"][1]["links"]["self"]
        assert httpx.delete(service.url + removed, trust_env=False).status_code == 204
        content += b"".join(chunks)
    assert len(content) == int(answer.headers["content-length"])
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    assert [info.file_size for info in archive.infolist()][:2] == [16 * MIB] * 2


def test_a_large_zip_takes_no_memory(service: LiveService, batch: dict[str, Any]) -> None:
    for index in (0, 1):
        grow(clip(service, batch, index), 100)
    before = service.get("/info")["memory"]["api_rss_bytes"]
    most = received = 0
    with service.client.stream("GET", batch["links"]["download"]) as answer:
        for chunk in answer.iter_raw():
            received += len(chunk)
            if received // (20 * MIB) > (received - len(chunk)) // (20 * MIB):
                most = max(most, psutil.Process(service.process.pid).memory_info().rss)
    assert received == int(answer.headers["content-length"]) > 200 * MIB
    assert most - before < 40 * MIB


def test_a_client_that_hangs_up_leaves_no_file_open(
    service: LiveService, batch: dict[str, Any]
) -> None:
    clips = [clip(service, batch, index) for index in (0, 1)]
    for path in clips:
        grow(path, 128)  # more than all buffers on the way hold
    download = service.url + batch["links"]["download"]
    with httpx.stream("GET", download, trust_env=False) as answer:
        assert answer.status_code == 200, answer.read()
        chunks = answer.iter_raw()  # without a name it is gone at once, and the connection too
        next(chunks)
        assert service.reading() == sorted(str(path) for path in clips)
    wait_until(lambda: not service.reading(), what="the files are closed")
