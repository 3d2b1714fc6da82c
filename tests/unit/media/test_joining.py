"""What a model made, put into the video that it was made from: every other frame stays as it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from common.base.errors import EncodingFailed
from common.kinds.video.joining import joined
from common.kinds.video.resolved import ResolvedRequest
from common.media.clip import AudioTrack, VideoClip
from common.media.video.stream import read_sound
from common.runtime.videos import load_video
from tests.contract.test_store import RESOLVED
from tests.films import ffmpeg, film

SIZE, FPS, OWN = (64, 48), 8.0, 12


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return film(tmp_path / "a.mp4", OWN, FPS, "64x48")


def request(**fields: Any) -> ResolvedRequest:
    size = {"width": SIZE[0], "height": SIZE[1], "fps": FPS}
    return RESOLVED.model_copy(update={**size, **fields})


def clip(count: int, audio: AudioTrack | None = None) -> VideoClip:
    """Frames that count up, in two chunks."""
    whole = np.zeros((count, SIZE[1], SIZE[0], 3), np.uint8)
    whole += np.arange(count, dtype=np.uint8)[:, None, None, None]

    def frames() -> Iterator[NDArray[np.uint8]]:
        yield whole[:1]
        yield whole[1:]

    return VideoClip(frames(), count, *SIZE, FPS, audio)


def drawn(video: VideoClip) -> NDArray[np.uint8]:
    frames = np.concatenate(list(video.frames))
    assert len(frames) == video.num_frames
    return frames


def own_frames(source: Path) -> NDArray[np.uint8]:
    return load_video(source, num_frames=OWN, width=SIZE[0], height=SIZE[1], fps=FPS)


@pytest.mark.parametrize("seen", [1, 4])
def test_all_of_it_and_then_what_is_new(source: Path, seen: int) -> None:
    asked = request(extend=Path("a.mp4"), extend_frames=OWN, video_frames=seen)
    frames = drawn(joined(clip(seen + 5), asked, source.parent))
    np.testing.assert_array_equal(frames[:OWN], own_frames(source))
    assert frames[OWN:, 0, 0, 0].tolist() == list(range(seen, seen + 5))


@pytest.mark.parametrize("span", [(0, 3), (2, 5), (5, 9), (8, 9)])
def test_the_rest_is_bit_equal(source: Path, span: tuple[int, int]) -> None:
    asked = request(retake=Path("a.mp4"), retake_frames=OWN, retake_from=span[0], retake_to=span[1])
    frames = drawn(joined(clip(9), asked, source.parent))
    own, new = own_frames(source), range(*span)
    for index in range(OWN):
        if index in new:
            assert (frames[index] == index).all()
        else:
            np.testing.assert_array_equal(frames[index], own[index])


def test_a_video_that_breaks_off_is_not_taken_for_whole(source: Path) -> None:
    asked = request(extend=Path("a.mp4"), extend_frames=OWN + 3, video_frames=1)
    with pytest.raises(EncodingFailed, match="breaks off"):
        list(joined(clip(5), asked, source.parent).frames)


def test_sound_goes_on_behind_its_own(source: Path) -> None:
    rate = 8000
    new = AudioTrack(np.full((rate * 6 // 8, 1), 0.5, np.float32), rate)
    asked = request(extend=Path("a.mp4"), extend_frames=OWN, video_frames=1)
    audio = joined(clip(6, new), asked, source.parent).audio
    assert audio is not None
    front = rate * OWN // 8
    assert len(audio.samples) == front + rate * 5 // 8
    assert not audio.samples[:front].any(), "the film had none"
    assert (audio.samples[front:] == 0.5).all()
    assert joined(clip(6), asked, source.parent).audio is None


def test_of_the_sound_no_more_is_read_than_belongs_to_the_video(tmp_path: Path) -> None:
    """A stranger's file may have a day of it, and several."""
    path = tmp_path / "long.mkv"
    tones = [part for hz in (440, 880) for part in ("-f", "lavfi", "-i", f"sine={hz}:duration=60")]
    picture = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=8:duration=1"]
    ffmpeg(*picture, *tones, "-map", "0", "-map", "1", "-map", "2", "-c:a", "aac", path)
    audio = read_sound(path, 8000, 2, 1.0)
    assert 0.9 * 8000 <= len(audio.samples) <= 8000
    peak = np.abs(np.fft.rfft(audio.samples[:, 0])).argmax() * 8000 / len(audio.samples)
    assert peak == pytest.approx(440, abs=20), "the first, and not both in turn"
