"""One thread looks at volumes; who asks waits for a bounded time, and no more threads come."""

import asyncio
import errno
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.base.disk import disk_error, disk_named
from common.base.errors import StorageFull, StorageUnavailable
from common.kinds.video import VIDEO_KIND
from common.publishing.ownership import write_identity
from common.publishing.storage import Storage
from common.publishing.volumes import FRESH_SECONDS, PATIENCE_SECONDS, Volume, Volumes, look_at
from tests.disks import moved_away, read_only
from tests.live import wait_until


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Hanging:
    """A disk that answers when it is let to."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.looks = 0

    def __call__(self, _volume: Volume, _write: bool) -> None:
        self.looks += 1
        self.let.wait(30)


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    folder = tmp_path / "outputs"
    folder.mkdir()
    write_identity(folder, "a")
    return Volume("outputs", folder, 0, identity="a")


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    disk = Hanging()
    yield disk
    disk.let.set()


def test_a_volume_that_is_well_leaves_nothing_behind(volume: Volume):
    look_at(volume, write=True)
    assert [path.name for path in volume.folder.iterdir()] == [".identity"]


def test_what_is_wrong_is_named(volume: Volume):
    with read_only(volume.folder), pytest.raises(StorageUnavailable, match=r"outputs .*read-only"):
        look_at(volume, write=False)
    with moved_away(volume.folder), pytest.raises(StorageUnavailable, match=r"outputs .*missing"):
        look_at(volume, write=False)
    with pytest.raises(StorageFull, match="are kept free"):
        look_at(Volume("outputs", volume.folder, 2**80, identity="a"), write=False)
    write_identity(volume.folder, "b")
    with pytest.raises(StorageUnavailable, match="not the one that the service started with"):
        look_at(volume, write=False)


def test_a_volume_that_hangs_is_named_and_takes_one_thread(volume: Volume, hanging: Hanging):
    clock = Clock()
    volumes = Volumes([volume], hanging, clock)
    assert volumes.known_unwell() is None, "nothing is known yet, and nobody waits"
    wait_until(lambda: hanging.looks, what="it is looked at")
    clock.now += PATIENCE_SECONDS
    before = threading.active_count()
    for _ in range(100):
        error = volumes.unwell(anew=True)
        assert error is not None
        assert "The outputs volume does not answer." in error.body.message
        assert asyncio.run(volumes.now_unwell()) is not None
        assert volumes.known_unwell() is not None
    assert (hanging.looks, threading.active_count()) == (1, before)
    hanging.let.set()
    wait_until(lambda: volumes.unwell() is None, what="it is well again")


def test_a_young_answer_is_given_again_but_to_those_who_want_it_anew(
    volume: Volume, hanging: Hanging
):
    clock = Clock()
    hanging.let.set()
    volumes = Volumes([volume], hanging, clock)
    for _ in range(10):
        assert volumes.unwell() is None
    assert hanging.looks == 1
    assert volumes.unwell(anew=True) is None
    assert hanging.looks == 2
    clock.now += FRESH_SECONDS
    assert asyncio.run(volumes.now_unwell()) is None
    assert hanging.looks == 3


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EDQUOT, "is full"),
        (errno.EROFS, "is read-only"),
        (errno.EACCES, "may not be written"),
        (errno.EIO, "cannot be read or written"),
        (errno.ENOENT, "is missing"),
        (errno.ESTALE, "does not answer"),
    ],
)
def test_errors_of_a_disk_have_words_and_a_way_out(number: int, words: str):
    error = disk_error(OSError(number, "secret"), "state")
    assert error is not None
    assert f"The state volume {words}." == error.body.message
    assert error.body.hint
    assert int(error.headers["Retry-After"]) > 0


def test_other_errors_are_no_disk_s():
    with pytest.raises(BrokenPipeError), disk_named():
        raise BrokenPipeError(errno.EPIPE, "x")


def test_only_our_own_files_are_blamed(volume: Volume):
    volumes = Volumes([volume])
    ours = str(volume.folder / "x" / "video.mp4")
    error = volumes.blamed(OSError(errno.EIO, "x", ours))
    assert error is not None
    assert "outputs" in error.body.message
    assert volumes.blamed(OSError(errno.EIO, "x", "/elsewhere")) is None
    assert volumes.blamed(FileNotFoundError(errno.ENOENT, "x", ours)) is None


def test_an_attempt_makes_no_outputs_where_they_are_missing(tmp_path: Path):
    storage = Storage(tmp_path / "outputs", VIDEO_KIND.files)
    with moved_away(tmp_path / "outputs"), pytest.raises(StorageUnavailable, match="missing"):
        storage.begin("a" * 32, "b" * 32)
