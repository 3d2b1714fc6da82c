"""Previews on disk and in a running job: small, whole, gone at the end, and never in the way."""

import io
import logging
from pathlib import Path
from secrets import token_hex

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from common.contract import Phase
from common.jobs.model import Job, Progress
from common.jobs.states import JobState
from common.kinds.video import VIDEO_KIND
from common.publishing.previews import PreviewFiles
from common.publishing.storage import Storage
from common.worker.context import RunningJob
from common.worker.previews import Previews
from tests.contract.test_store import new_job


def red_and_blue(width: int = 104, height: int = 60) -> NDArray[np.uint8]:
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:, : width // 2, 0] = 255
    frame[:, width // 2 :, 2] = 255
    return frame


@pytest.fixture
def files(tmp_path: Path) -> PreviewFiles:
    return PreviewFiles(tmp_path / ".previews")


@pytest.mark.parametrize(
    ("width", "height", "made"),
    [(104, 60, (256, 148)), (32, 18, (256, 144)), (60, 104, (148, 256)), (1280, 720, (256, 144))],
)
def test_a_small_jpeg_the_right_way_round(
    files: PreviewFiles, width: int, height: int, made: tuple[int, int]
):
    job_id = token_hex(16)
    files.write(job_id, red_and_blue(width, height))
    jpeg = files.read(job_id)
    assert jpeg is not None
    assert len(jpeg) < 8_000
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert (picture.format, picture.size) == ("JPEG", made)
        left = np.asarray(picture.getpixel((10, made[1] // 2)))
        right = np.asarray(picture.getpixel((made[0] - 10, made[1] // 2)))
    assert np.abs(left - [255, 0, 0]).max() < 30
    assert np.abs(right - [0, 0, 255]).max() < 30


def test_noise_is_a_few_kilobytes_too(files: PreviewFiles):
    noise = np.random.default_rng(1).integers(0, 256, (60, 104, 3), dtype=np.uint8)
    job_id = token_hex(16)
    files.write(job_id, noise)
    assert len(files.read(job_id) or b"") < 20_000


def test_one_file_a_job_and_none_after_it(files: PreviewFiles, tmp_path: Path):
    job_id = token_hex(16)
    assert files.read(job_id) is None
    with files.during(job_id):
        files.write(job_id, red_and_blue())
        files.write(job_id, red_and_blue())
        assert [path.name for path in (tmp_path / ".previews").iterdir()] == [f"{job_id}.jpg"]
    assert list((tmp_path / ".previews").iterdir()) == []


def test_an_earlier_attempts_picture_is_not_shown(files: PreviewFiles):
    job_id = token_hex(16)
    files.write(job_id, red_and_blue())
    with files.during(job_id):
        assert files.read(job_id) is None


def test_no_name_from_outside_becomes_a_path(files: PreviewFiles):
    with pytest.raises(ValueError, match="hexadecimal"):
        files.read("../jobs")


def test_a_job_that_is_removed_takes_its_picture_along(tmp_path: Path):
    storage = Storage(tmp_path, VIDEO_KIND.files)
    one, other = token_hex(16), token_hex(16)
    for job_id in (one, other):
        storage.previews.write(job_id, red_and_blue())
    storage.remove(one)
    assert storage.previews.read(one) is None
    assert storage.previews.read(other) is not None
    assert storage.previews.job_ids() == {other}


def run_steps(
    files: PreviewFiles, every: int, steps: int, *, broken: bool = False, seconds: float = 1
) -> list[Progress]:
    """What the API process is told; a step takes ``seconds``."""
    now = 0.0

    def clock() -> float:
        return now

    job = Job(**new_job().model_dump(), number=1, state=JobState.RUNNING, created_at=0)
    seen: list[Progress] = []
    previews = Previews(job.id, every, files, clock)
    running = RunningJob(job, lambda _id, progress: seen.append(progress), clock, previews)

    def picture() -> NDArray[np.uint8]:
        if broken:
            raise ZeroDivisionError("secret")
        return red_and_blue()

    for step in range(1, steps + 1):
        now += seconds
        running.progress(Phase.DENOISING, step, steps)
        running.preview(step, picture)
    return seen


@pytest.mark.parametrize(
    ("every", "told"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4]), (3, [3]), (9, []), (0, [])]
)
def test_every_few_steps(files: PreviewFiles, every: int, told: list[int]):
    seen = run_steps(files, every, 5)
    assert list(dict.fromkeys(p.preview for p in seen if p.preview is not None)) == told


def test_no_more_of_them_than_anybody_looks_at(files: PreviewFiles):
    seen = run_steps(files, 1, 30, seconds=0.1)
    assert list(dict.fromkeys(p.preview for p in seen if p.preview is not None)) == [
        *range(1, 31, 3)
    ]


def test_a_preview_that_fails_is_logged_once_and_fails_nothing(
    files: PreviewFiles, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        seen = run_steps(files, 1, 5, broken=True)
    assert [p.step for p in seen] == [1, 2, 3, 4, 5]
    assert [record.message for record in caplog.records] == ["no previews"]


def test_a_disk_that_refuses_fails_nothing(tmp_path: Path):
    (tmp_path / ".previews").write_text("a file where the folder should be")
    seen = run_steps(PreviewFiles(tmp_path / ".previews"), 1, 3)
    assert [p.preview for p in seen] == [None, None, None]
