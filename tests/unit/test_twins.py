"""A job with the files of another: whole or not at all, and each stays when the other goes."""

from pathlib import Path
from secrets import token_hex

import pytest

from common.base.errors import EncodingFailed, StorageUnavailable
from common.jobs.model import Job
from common.jobs.states import JobState
from common.kinds.video import VIDEO_KIND
from common.publishing.storage import Storage
from common.publishing.twins import double, publish_twin
from tests.contract.test_store import RESULT, new_job
from tests.disks import mounted


def job() -> Job:
    return Job(**new_job().model_dump(), number=1, state=JobState.COMPLETED, created_at=0)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "outputs", VIDEO_KIND.files)


def published(storage: Storage, **files: bytes) -> Job:
    """A job with these files."""
    first = job()
    draft = storage.begin(first.id, token_hex(16))
    for name, content in files.items():
        (draft.folder / name.replace("_", ".")).write_bytes(content)
    folder = draft.publish({})
    return first.model_copy(update={"result": RESULT.model_copy(update={"folder": folder})})


def twin(storage: Storage, first: Job, token: str) -> tuple[Job, str]:
    second = job()
    assert first.result is not None
    made = publish_twin(storage, VIDEO_KIND, second, token, first, first.result)
    assert (made.cached_from, made.timings) == (first.id, {})
    return second, made.folder


def test_the_bytes_are_there_once_and_stay_for_the_last_of_both(storage: Storage) -> None:
    first = published(storage, video_mp4=b"film", thumbnail_jpg=b"still", spritesheet_jpg=b"many")
    assert first.result is not None
    second, folder = twin(storage, first, token_hex(16))
    files = {file: storage.path(folder, file) for file in ("video.mp4", "thumbnail.jpg")}
    old = storage.path(first.result.folder, "video.mp4")
    assert files["video.mp4"].samefile(old)
    assert storage.manifest(folder) != storage.manifest(first.result.folder)
    manifest = storage.manifest(folder)
    assert manifest is not None
    assert (manifest["job_id"], manifest["result"]["cached_from"]) == (second.id, first.id)
    assert not storage.path(folder, "spritesheet.jpg").exists(), "it is made when asked for"
    storage.remove(first.id)
    assert [file.read_bytes() for file in files.values()] == [b"film", b"still"]


@pytest.mark.parametrize("files", [{}, {"video_mp4": b"film"}], ids=["all gone", "one gone"])
def test_files_that_are_gone_leave_nothing(storage: Storage, files: dict[str, bytes]) -> None:
    first = published(storage, video_mp4=b"film", thumbnail_jpg=b"still")
    assert first.result is not None
    storage.path(first.result.folder, "thumbnail.jpg").unlink()
    if not files:
        storage.remove(first.id)
    before = list(storage.folders())
    with pytest.raises(StorageUnavailable):
        twin(storage, first, token_hex(16))
    assert (list(storage.folders()), list(storage.unfinished())) == (before, [])


def test_a_damaged_file_is_not_doubled(storage: Storage) -> None:
    first = published(storage, video_mp4=b"film", thumbnail_jpg=b"still")
    assert first.result is not None
    storage.path(first.result.folder, "video.mp4").write_bytes(b"")
    with pytest.raises(EncodingFailed):
        twin(storage, first, token_hex(16))
    assert list(storage.unfinished()) == []


def test_where_there_can_be_no_second_name_the_bytes_are_copied(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"film")
    with mounted(tmp_path / "other", "size=1m") as other:
        double(tmp_path / "a", other / "a")
        assert (other / "a").read_bytes() == b"film"
