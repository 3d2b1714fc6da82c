"""Pictures as they come in: in base64, in a ZIP, of finished jobs."""

import asyncio
import base64
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from PIL import Image

from common.base.errors import InvalidRequest
from common.base.settings import Settings
from common.contract import Upload
from common.contract.work import Finished
from studio.bounds import Bounds
from studio.intake import StudioIntake
from studio.operations.edit.templates.folder import PACKAGED, EditTemplates
from studio.operations.film.asked import Film
from studio.operations.film.plan import FilmPlan
from studio.pictures import packed_pictures, picture_of
from studio.requests import StudioRequest
from studio.sources import JobPicture
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


def test_a_frame_of_a_finished_video_is_a_picture(tmp_path: Path):
    video = film(tmp_path / "video.mp4", 12)
    finished = Finished(JOB, video, {})
    last = picture_of(finished, JobPicture(job=JOB), BOUNDS)
    assert Image.open(BytesIO(last)).size == (160, 120)
    assert last == picture_of(finished, JobPicture(job=JOB, frame=11), BOUNDS)
    assert last != picture_of(finished, JobPicture(job=JOB, frame=-12), BOUNDS)
    with pytest.raises(InvalidRequest, match="frame is 12: the video has 12 frames"):
        picture_of(finished, JobPicture(job=JOB, frame=12), BOUNDS)
