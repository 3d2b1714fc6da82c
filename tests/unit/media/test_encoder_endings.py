"""Every way out of the encoder other than a finished file."""

import os
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from common.base.errors import EncodingFailed, JobCancelled, StorageFull
from common.kinds.video import VideoClip
from common.media.clip import PixelFormat
from common.media.codecs import EncoderSettings
from common.media.encoder import Mp4Encoder, encode
from tests.unit.media.clips import HEIGHT, WIDTH, Begun, clip_of, noise
from tests.unit.media.disks import FILLER, fill

FAST = EncoderSettings(preset="ultrafast")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def begun(tmp_path: Path) -> Iterator[Begun]:
    """After each test: no process, zombies included; no file; no open descriptor."""
    begun, before = Begun(), descriptors()
    yield begun
    assert not begun.all()
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
    assert descriptors() <= before  # others may have been let go meanwhile


def run(clip: VideoClip, path: Path, on_chunk: Callable[[int], None] = lambda _: None) -> None:
    encode(clip, path, FAST, {}, on_chunk=on_chunk, on_frames_done=lambda _: None)


def cancel(*_: object) -> None:
    raise JobCancelled


def test_cancelled_by_the_caller_after_a_chunk(tmp_path: Path):
    with pytest.raises(JobCancelled):
        run(clip_of(noise(20)), tmp_path / "v.mp4", on_chunk=cancel)


def test_cancelled_when_there_is_a_file_already(tmp_path: Path):
    path, seen = tmp_path / "v.mp4", []

    def cancel_late(drawn: int) -> None:
        if drawn >= 36:  # 33 MB: far more than the pipe and its first read hold
            seen.append(path.exists())
            raise JobCancelled

    with pytest.raises(JobCancelled):
        run(clip_of(noise(40, 640, 480), chunk=4), path, cancel_late)
    assert seen == [True]


def test_cancelled_inside_the_model_closes_its_generator(tmp_path: Path):
    closed = []

    def frames(stop_at: int) -> Iterator[NDArray[np.uint8]]:
        try:
            for index in range(4):
                if index == stop_at:
                    raise JobCancelled
                yield noise(5)
        finally:
            closed.append(stop_at)

    inside = VideoClip(frames(2), 20, WIDTH, HEIGHT, 24)  # held here: no garbage collection
    outside = VideoClip(frames(9), 20, WIDTH, HEIGHT, 24)
    with pytest.raises(JobCancelled):
        run(inside, tmp_path / "v.mp4")
    with pytest.raises(JobCancelled):
        run(outside, tmp_path / "v.mp4", cancel)
    assert closed == [2, 9]


def test_frames_are_taken_while_ffmpeg_is_busy_but_not_without_bound(begun: Begun, tmp_path: Path):
    big = noise(4, 640, 480)  # 3.7 MB: no pipe swallows it
    clip = clip_of(np.concatenate([big] * 4))
    taken = []

    def waiting() -> None:
        if len(taken) == 2:  # one in the writer's hands, one in the queue
            raise JobCancelled

    def write_to_a_stopped_ffmpeg() -> None:
        with Mp4Encoder(clip, tmp_path / "v.mp4", FAST, {}, waiting) as encoder:
            os.kill(begun.only(), signal.SIGSTOP)
            for _ in range(4):
                encoder.write(big)
                taken.append(True)

    with pytest.raises(JobCancelled):
        write_to_a_stopped_ffmpeg()
    assert len(taken) == 2


def test_cancelled_in_the_tail(begun: Begun, tmp_path: Path):
    def finish_a_stopped_ffmpeg() -> None:
        with Mp4Encoder(clip_of(noise(3)), tmp_path / "v.mp4", FAST, {}, cancel) as encoder:
            encoder.write(noise(3))
            os.kill(begun.only(), signal.SIGSTOP)
            encoder.finish()

    with pytest.raises(JobCancelled):
        finish_a_stopped_ffmpeg()


@pytest.mark.parametrize("written", [0, 5])
def test_ffmpeg_killed_from_outside(
    begun: Begun, tmp_path: Path, written: int, caplog: pytest.LogCaptureFixture
):
    def kill_half_way() -> None:
        with Mp4Encoder(clip_of(noise(10)), tmp_path / "v.mp4", FAST, {}) as encoder:
            encoder.write(noise(written))
            os.kill(begun.only(), signal.SIGKILL)
            encoder.write(noise(10 - written))
            encoder.finish()

    with pytest.raises(EncodingFailed, match=r"^The video encoder failed\.$"):
        kill_half_way()
    assert "status -9" in caplog.text


def test_a_dead_ffmpeg_is_noticed_long_before_the_last_frame(begun: Begun, tmp_path: Path):
    taken = []

    def write_to_a_dead_ffmpeg() -> None:
        with Mp4Encoder(clip_of(noise(50)), tmp_path / "v.mp4", FAST, {}) as encoder:
            pid = begun.only()
            pidfd = os.pidfd_open(pid)
            os.kill(pid, signal.SIGKILL)
            select.select([pidfd], [], [])
            os.close(pidfd)
            for _ in range(10):
                encoder.write(noise(5))
                taken.append(True)

    with pytest.raises(EncodingFailed):
        write_to_a_dead_ffmpeg()
    assert len(taken) <= 2


def test_ffmpeg_complains_to_the_log_and_not_to_the_client(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    path = tmp_path / "no-such-folder" / "v.mp4"
    with pytest.raises(EncodingFailed) as caught:
        run(clip_of(noise(10)), path)
    assert "No such file" in caplog.text
    assert str(tmp_path) not in caught.value.body.model_dump_json()


def test_a_full_disk_is_named(small_disk: Path):
    with pytest.raises(StorageFull):
        run(clip_of(noise(60, 320, 240)), small_disk / "v.mp4")


def test_a_disk_that_fills_at_the_end_is_named(small_disk: Path):
    def fill_before_the_end() -> None:
        with Mp4Encoder(clip_of(noise(3)), small_disk / "v.mp4", FAST, {}) as encoder:
            encoder.write(noise(3))
            fill(small_disk)
            encoder.finish()

    with pytest.raises(StorageFull):
        fill_before_the_end()
    (small_disk / FILLER).unlink()


@pytest.mark.parametrize(("said", "made"), [(10, 9), (10, 11), (10, 0), (10, 16)])
def test_a_clip_with_another_number_of_frames(tmp_path: Path, said: int, made: int):
    done = []
    clip = VideoClip(clip_of(noise(made)).frames, said, WIDTH, HEIGHT, 24)
    with pytest.raises(EncodingFailed, match="number of frames"):
        encode(
            clip,
            tmp_path / "v.mp4",
            FAST,
            {},
            on_chunk=lambda _: None,
            on_frames_done=lambda _: done.append(True),
        )


@pytest.mark.parametrize(
    "chunk",
    [
        np.zeros((1, WIDTH, HEIGHT, 3), np.uint8),
        np.zeros((1, HEIGHT, WIDTH, 4), np.uint8),
        np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        np.zeros((1, HEIGHT, WIDTH, 3), np.float32),
    ],
)
@pytest.mark.parametrize("pixel_format", PixelFormat)
def test_chunks_of_a_wrong_kind(
    tmp_path: Path, chunk: NDArray[np.uint8], pixel_format: PixelFormat
):
    clip = VideoClip(iter([chunk]), 1, WIDTH, HEIGHT, 24, pixel_format=pixel_format)
    with pytest.raises(EncodingFailed, match="wrong size or type"):
        run(clip, tmp_path / "v.mp4")


@pytest.mark.parametrize(("frames", "width", "height"), [(0, 64, 64), (1, 63, 64), (1, 64, 63)])
def test_clips_that_cannot_be_h264(tmp_path: Path, frames: int, width: int, height: int):
    with pytest.raises(EncodingFailed):
        run(VideoClip(iter([]), frames, width, height, 24), tmp_path / "v.mp4")


def test_a_missing_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/no/such/ffmpeg")
    with pytest.raises(EncodingFailed, match="could not be started"):
        run(clip_of(noise(1)), tmp_path / "v.mp4")
