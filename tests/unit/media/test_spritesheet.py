"""A sheet shows a video from its first to its last frame, in order."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from common.base.errors import EncodingFailed, FileGone, StorageFull
from common.media.codecs import EncoderSettings
from common.media.encoder import encode
from common.media.spritesheet import CELLS, frame_indices, make_spritesheet, tiled
from tests.unit.media.clips import clip_of
from tests.unit.media.disks import fill


@pytest.mark.parametrize("num_frames", [1, 2, 3, 15, 16, 17, 81, 14_400])
def test_frames_are_spread_from_the_first_to_the_last(num_frames: int):
    indices = frame_indices(num_frames)
    assert len(indices) == len(set(indices)) == min(CELLS, num_frames)
    assert (indices[0], indices[-1]) == (0, num_frames - 1)
    gaps = np.diff(indices)
    assert num_frames == 1 or np.ptp(gaps) <= 1


def test_no_frames_are_no_cells():
    assert frame_indices(0) == []


def test_tiles_fill_rows_and_leave_the_rest_black():
    frames = [np.full((2, 3, 3), level, np.uint8) for level in range(1, 7)]
    sheet = tiled(frames)
    assert sheet.shape == (4, 12, 3)
    assert sheet[::2, ::3, 0].tolist() == [[1, 2, 3, 4], [5, 6, 0, 0]]


def film(path: Path, num_frames: int, width: int = 96, height: int = 64) -> Path:
    """Each frame brighter than the one before; encoded as the services do, with B-frames."""
    levels = np.linspace(16, 240, num_frames).astype(np.uint8)
    frames = np.broadcast_to(levels[:, None, None, None], (num_frames, height, width, 3))

    def ignore(*_: object) -> None: ...

    clip = clip_of(np.ascontiguousarray(frames))
    encode(clip, path, EncoderSettings(), {}, on_chunk=ignore, on_frames_done=ignore)
    return path


def sheet_of(video: Path) -> NDArray[np.uint8]:
    sheet = video.with_name("spritesheet.jpg")
    make_spritesheet(video, sheet)
    picture = cv2.imread(str(sheet))
    assert picture is not None
    return np.asarray(picture, np.uint8)


@pytest.mark.parametrize("num_frames", [1, 5, 33, 700])  # 700: several groups of pictures
def test_the_right_frames_are_in_the_right_places(tmp_path: Path, num_frames: int):
    sheet = sheet_of(film(tmp_path / "video.mp4", num_frames))
    shown = frame_indices(num_frames)
    columns = min(4, len(shown))
    assert sheet.shape == (-(-len(shown) // columns) * 64, columns * 96, 3)
    centres = sheet[32::64, 48::96, 1].reshape(-1)[: len(shown)].astype(int)
    expected = np.linspace(16, 240, num_frames)[shown]
    assert np.abs(centres - expected).max() < 4


def test_large_frames_are_made_small(tmp_path: Path):
    assert sheet_of(film(tmp_path / "video.mp4", 2, 640, 480)).shape == (240, 640, 3)


def test_nothing_but_the_sheet_is_left(tmp_path: Path):
    sheet_of(film(tmp_path / "video.mp4", 3))
    assert {path.name for path in tmp_path.iterdir()} == {"video.mp4", "spritesheet.jpg"}


def test_what_is_no_video_is_named_so(tmp_path: Path):
    path = tmp_path / "video.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(EncodingFailed):
        make_spritesheet(path, tmp_path / "spritesheet.jpg")


def test_a_removed_video_is_gone(tmp_path: Path):
    with pytest.raises(FileGone):
        make_spritesheet(tmp_path / "video.mp4", tmp_path / "spritesheet.jpg")


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, small_disk: Path):
    video = film(tmp_path / "video.mp4", 3)
    fill(small_disk)
    before = list(small_disk.iterdir())
    with pytest.raises(StorageFull):
        make_spritesheet(video, small_disk / "spritesheet.jpg")
    assert list(small_disk.iterdir()) == before
