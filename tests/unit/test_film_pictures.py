"""Pictures as they come in: in base64, in a ZIP, of finished jobs."""

import asyncio
import base64
import hashlib
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from PIL import Image

from common.base.errors import FileGone, InvalidRequest
from common.base.settings import Settings
from common.contract import Upload
from common.contract.fingerprints import digest
from common.contract.work import Finished
from studio.bounds import Bounds
from studio.frames import ALL_SECONDS, Frames
from studio.intake import StudioIntake
from studio.operations.edit.templates.folder import PACKAGED, EditTemplates
from studio.operations.film.asked import Film
from studio.operations.film.plan import FilmPlan
from studio.pictures import packed_pictures
from studio.requests import StudioRequest
from studio.sources import JobFile
from studio.spool import Spool
from studio.variants import BASE
from tests.films import film

BOUNDS = Bounds(max_bytes=100_000, max_pixels=100_000, max_picture_pixels=10_000, max_seconds=60)
INTAKE = StudioIntake(
    BOUNDS,
    BASE,
    Settings(_env_file=None),  # type: ignore[call-arg]
    EditTemplates(PACKAGED),
)
JOB = "0" * 32


@dataclass(frozen=True)
class Sent:
    file: BinaryIO
    size: int | None = None


def png(width: int, height: int, colour: str = "red") -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


def packed(files: Mapping[str, bytes]) -> BytesIO:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out


def looked_at(fields: dict[str, Any], **files: BytesIO) -> tuple[StudioRequest, list[Upload]]:
    request = StudioRequest(task=Film.model_validate(fields))
    sent = {name: Sent(file) for name, file in files.items()}
    look = INTAKE.look(request, sent, "id", {})
    return request, list(look()) if look else []


def test_pictures_of_an_archive_are_inputs_like_others():
    files = {"10.png": png(30, 20), "2.png": png(20, 30), "a/1.png": png(10, 10)}
    request, uploads = looked_at({"seconds": 1}, images=packed(files))
    assert [upload.media.name for upload in uploads] == [
        f"id.images.{index}.image.png" for index in range(3)
    ]
    sizes = [(upload.media.facts.width, upload.media.facts.height) for upload in uploads]
    assert sizes == [(20, 30), (30, 20), (10, 10)]
    assert isinstance(uploads[1].file, zipfile.ZipExtFile)  # read when it is stored, not before
    assert uploads[1].file.read() == files["10.png"]
    media = [upload.media for upload in uploads]
    resolved = asyncio.run(INTAKE.resolve(request, media)).request
    assert isinstance(resolved.plan, FilmPlan)
    assert resolved.plan.num_frames == 72


def test_pictures_may_be_in_the_body():
    texts = [base64.b64encode(png(*size)).decode() for size in ((30, 20), (20, 30))]
    images = [{"image": texts[0]}, {"image_url": f"data:image/png;base64,{texts[1]}"}]
    request, uploads = looked_at({"images": images})
    assert [upload.media.facts.width for upload in uploads] == [30, 20]
    assert texts[0] not in str(request.recorded())


def test_what_is_wrong_with_a_picture_is_said_of_it():
    good, bad = base64.b64encode(png(9, 9)).decode(), base64.b64encode(b"no picture").decode()
    with pytest.raises(InvalidRequest) as caught:
        looked_at({"images": [{"image": good}, {"image": bad}]})
    assert caught.value.body.param == "images.1.image"
    assert "images.1.image: This is not a picture" in caught.value.body.message
    with pytest.raises(InvalidRequest) as caught:
        looked_at({}, images=packed({"a.png": png(9, 9), "b.png": png(101, 100)}))
    assert caught.value.body.param == "images"
    assert "images: b.png: The picture has more than 10,000" in caught.value.body.message


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "has no picture"),
        ({"a.png": b"", "notes.txt": b""}, "notes.txt is no picture"),
        ({"../a.png": b""}, "outside"),
        ({f"{index}.png": b"" for index in range(501)}, "501 pictures; 500 are allowed"),
        ({f"{index}.png": bytes(60_000) for index in range(2)}, "unpacks to more than"),
    ],
)
def test_archives_are_judged_before_a_picture_is_read(files: dict[str, bytes], words: str):
    with pytest.raises(InvalidRequest, match=words) as caught:
        packed_pictures(packed(files), BOUNDS)
    assert caught.value.body.param == "images"


def finished_in(request: StudioRequest, *jobs: Finished) -> list[Upload]:
    known = {job.job_id: job for job in jobs}
    named = {field: known[job_id] for field, job_id in request.used_jobs.items()}
    look = INTAKE.look(request, {}, "id", named)
    assert look is not None
    return list(look())


def of_jobs(*sources: dict[str, Any]) -> StudioRequest:
    return StudioRequest(task=Film.model_validate({"images": [{"image": one} for one in sources]}))


def opened(upload: Upload) -> bytes:
    assert not isinstance(upload.file, Path)
    upload.file.seek(0)
    return upload.file.read()


def test_a_frame_of_a_finished_video_is_a_picture(tmp_path: Path):
    finished = Finished(JOB, film(tmp_path / "video.mp4", 12, 24, "100x80"), {})
    numbers = [{}, {"frame": 11}, {"frame": -12}]
    uploads = finished_in(of_jobs(*({"job": JOB, **one} for one in numbers)), finished)
    last, same, first = map(opened, uploads)
    assert Image.open(BytesIO(last)).size == (100, 80)
    assert last == same != first
    assert not any(isinstance(upload.file, BytesIO) for upload in uploads), "they wait on disk"
    facts = uploads[0].media.facts
    assert (facts.width, facts.height, facts.format) == (100, 80, "png")
    with pytest.raises(InvalidRequest) as caught:
        finished_in(of_jobs({"job": JOB, "frame": 12}), finished)
    assert caught.value.body.message == "images.0.image: frame is 12: the video has 12 frames."


def test_a_picture_of_a_finished_job_is_judged_before_it_is_read(tmp_path: Path):
    """A kept picture is taken as it lies there; what is no picture, or too large, is refused."""
    picture, sound = tmp_path / "upload.png", tmp_path / "upload.wav"
    picture.write_bytes(png(30, 20))
    (upload,) = finished_in(of_jobs({"job": JOB}), Finished(JOB, picture, {}))
    assert upload.file == picture
    assert upload.media.facts.width == 30
    sound.write_bytes(b"RIFF")
    with pytest.raises(InvalidRequest, match="not a picture"):
        finished_in(of_jobs({"job": JOB}), Finished(JOB, sound, {}))
    os.truncate(sound, 2**40)  # sparse: reading it would take all memory
    with pytest.raises(InvalidRequest, match="1,099,512 MB") as caught:
        finished_in(of_jobs({"job": JOB}), Finished(JOB, sound, {}))
    assert caught.value.body.param == "images.0.image"
    with pytest.raises(FileGone, match="no longer on disk"):
        finished_in(of_jobs({"job": JOB}), Finished(JOB, tmp_path / "gone.mp4", {}))


def test_frames_of_a_request_have_bounds_together(tmp_path: Path):
    finished = Finished(JOB, film(tmp_path / "video.mp4", 12, 24, "100x80"), {})
    now = iter([0.0, 1.0, ALL_SECONDS])
    frames = Frames(BOUNDS, lambda: next(now))
    file, _ = frames.picture(finished, JobFile(job=JOB))
    size = len(file.read())
    frames.picture(finished, JobFile(job=JOB))
    with pytest.raises(InvalidRequest, match="more than 120 seconds"):
        frames.picture(finished, JobFile(job=JOB))
    frames = Frames(replace(BOUNDS, max_bytes=max(finished.path.stat().st_size, size + 1)))
    frames.picture(finished, JobFile(job=JOB))
    with pytest.raises(InvalidRequest, match="have more than 0 MB together"):
        frames.picture(finished, JobFile(job=JOB))
    with pytest.raises(InvalidRequest, match="more than 7,000 pixels"):
        Frames(replace(BOUNDS, max_picture_pixels=7000)).picture(finished, JobFile(job=JOB))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_pictures_wait_in_one_file_that_goes_with_the_last_of_them():
    spool, before = Spool(), descriptors()
    files = [spool.add(bytes([number]) * 1000) for number in range(20)]
    assert descriptors() == before + 1
    assert [file.read(600) + file.read() for file in files] == [
        bytes([number]) * 1000 for number in range(20)
    ]
    assert digest(files[3]) == hashlib.sha256(b"\3" * 1000).hexdigest()
    del spool
    files[9].seek(0)
    assert files[9].read() == b"\t" * 1000
    del files
    assert descriptors() == before
