"""Names and disks that the outputs folder must not give in to."""

from pathlib import Path

import pytest

from common.base.errors import StorageFull
from common.kinds.video import VIDEO_KIND
from common.kinds.video.files import VIDEO
from common.publishing.storage import Storage
from tests.unit.media.disks import FILLER, fill

JOB, FIRST = "a" * 32, "1" * 32


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "outputs", VIDEO_KIND.files)


def published(storage: Storage) -> Path:
    draft = storage.begin(JOB, FIRST)
    (draft.folder / VIDEO.name).write_bytes(b"v")
    return storage.path(draft.publish({}), "video.mp4")


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("..", "video.mp4"),
        (".partial", "video.mp4"),
        ("", "video.mp4"),
        (f"{JOB}-{FIRST}/..", "video.mp4"),
        (f"{JOB}-{FIRST}\n", "video.mp4"),
        (f"/{JOB}-{FIRST}", "video.mp4"),
        (f"{JOB.upper()}-{FIRST}", "video.mp4"),
        (f"{JOB}-{FIRST}", "../../etc/passwd"),
        (f"{JOB}-{FIRST}", "/etc/passwd"),
        (f"{JOB}-{FIRST}", ".."),
        (f"{JOB}-{FIRST}", ""),
    ],
)
def test_no_path_leaves_the_outputs_folder(storage: Storage, folder: str, name: str):
    with pytest.raises(ValueError):
        storage.path(folder, name)


@pytest.mark.parametrize("bad", ["", "..", "*", "a" * 31, "a" * 33, "A" * 32, "../" + "a" * 29])
def test_only_ids_become_names(storage: Storage, bad: str):
    video = published(storage)
    for call in (storage.begin, storage.adopt):
        with pytest.raises(ValueError):
            call(bad, FIRST)
        with pytest.raises(ValueError):
            call(JOB, bad)
    with pytest.raises(ValueError):
        storage.remove(bad)
    assert video.exists()


def test_free_bytes_is_what_the_volume_says(small_disk: Path):
    storage = Storage(small_disk / "outputs", VIDEO_KIND.files)
    before = storage.free_bytes()
    (small_disk / "file").write_bytes(bytes(65536))
    assert 0 < before <= 256 * 1024
    assert storage.free_bytes() == before - 65536


def test_a_full_disk_is_named_and_nothing_is_published(small_disk: Path):
    storage = Storage(small_disk / "outputs", VIDEO_KIND.files)
    draft = storage.begin(JOB, FIRST)
    (draft.folder / VIDEO.name).write_bytes(b"v")
    fill(small_disk)
    with pytest.raises(StorageFull):
        draft.publish({"long": "x" * 100_000})
    assert [p.name for p in (small_disk / "outputs").iterdir()] == [".partial"]
    draft.discard()
    (small_disk / FILLER).unlink()
    assert published(storage).exists()
