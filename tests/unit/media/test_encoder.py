"""The finished file, as another player sees it."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from common.base.errors import EncodingFailed
from common.kinds.video import AudioTrack
from common.media.codecs import EncoderSettings, frame_rate
from common.media.encoder import EncodedVideo, encode
from tests.unit.media import ffprobe
from tests.unit.media.clips import HEIGHT, WIDTH, clip_of, noise

SETTINGS = EncoderSettings()
FAST = EncoderSettings(preset="ultrafast")


def make(path: Path, *args: object, metadata: dict[str, str] | None = None, **kw: object):
    def ignore(*_: object) -> None: ...

    clip = clip_of(*args, **kw)  # type: ignore[arg-type]
    return encode(clip, path, SETTINGS, metadata or {}, on_chunk=ignore, on_frames_done=ignore)


def test_a_browser_can_play_it(tmp_path: Path):
    path = tmp_path / "video.mp4"
    encoded = make(path, noise(13), fps=24)
    video = ffprobe.stream(ffprobe.probe(path), "video")
    assert (video["codec_name"], video["pix_fmt"]) == ("h264", "yuv420p")
    assert (video["width"], video["height"]) == (WIDTH, HEIGHT)
    assert video["nb_read_frames"] == video["nb_frames"] == "13"
    assert float(video["start_time"]) == 0
    assert encoded.num_frames == 13
    assert encoded.size_bytes == path.stat().st_size
    assert not encoded.has_audio
    names = ffprobe.boxes(path)
    assert names.index("moov") < names.index("mdat")


def test_colours_are_tagged_bt709(tmp_path: Path):
    make(tmp_path / "v.mp4", noise(2))
    video = ffprobe.stream(ffprobe.probe(tmp_path / "v.mp4"), "video")
    tags = ("color_space", "color_primaries", "color_transfer")
    assert [video[tag] for tag in tags] == ["bt709"] * 3
    assert video["color_range"] == "tv"


def test_flat_colours_come_back_within_three_levels(tmp_path: Path):
    edges = [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [224, 172, 105]]
    drawn = np.random.default_rng(3).integers(0, 256, (40, 3)).tolist()
    colours = np.array(edges + drawn, dtype=np.uint8)
    frames = np.broadcast_to(colours[:, None, None], (len(colours), HEIGHT, WIDTH, 3))
    make(tmp_path / "v.mp4", frames)
    shown = ffprobe.decode_rgb(tmp_path / "v.mp4", WIDTH, HEIGHT)
    assert shown.shape == frames.shape
    off = np.abs(shown.astype(int) - frames).max(axis=(1, 2, 3))
    assert off.max() <= 3, dict(zip(map(tuple, colours.tolist()), off.tolist(), strict=True))


def test_frames_keep_their_order_and_place(tmp_path: Path):
    frames = np.zeros((9, HEIGHT, WIDTH, 3), np.uint8)
    for index in range(9):
        frames[index, :, : 8 * (index + 1)] = 255
    posters: list[NDArray[np.uint8]] = []
    encode(
        clip_of(frames, chunk=2),
        tmp_path / "v.mp4",
        SETTINGS,
        {},
        on_chunk=lambda _: None,
        on_frames_done=posters.append,
    )
    shown = ffprobe.decode_rgb(tmp_path / "v.mp4", WIDTH, HEIGHT)
    assert [(f[HEIGHT // 2, :, 0] > 127).sum() // 8 for f in shown] == list(range(1, 10))
    np.testing.assert_array_equal(posters, [frames[4]])


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (24, "24/1"),
        (16, "16/1"),
        (12.5, "25/2"),
        (23.976, "24000/1001"),
        (29.97, "30000/1001"),
        (59.94, "60000/1001"),
        (8.333, "8333/1000"),
    ],
)
def test_the_frame_rate_is_exact_and_constant(tmp_path: Path, fps: float, rate: str):
    assert frame_rate(fps) == Fraction(rate)
    make(tmp_path / "v.mp4", noise(7), fps=fps)
    video = ffprobe.stream(ffprobe.probe(tmp_path / "v.mp4"), "video")
    assert video["r_frame_rate"] == video["avg_frame_rate"] == rate
    times = ffprobe.packet_times(tmp_path / "v.mp4")
    assert len(times) == 7
    assert len(set(np.diff(times))) == 1


@pytest.mark.parametrize("fps", [0.0, -24.0, float("nan"), float("inf"), 1e-9])
def test_no_rate_no_video(tmp_path: Path, fps: float):
    with pytest.raises(EncodingFailed):
        make(tmp_path / "v.mp4", noise(1), fps=fps)


def tone(seconds: float, rate: int, channels: int) -> AudioTrack:
    times = np.arange(round(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * 440 * times).astype(np.float32)
    return AudioTrack(np.repeat(wave[:, None], channels, axis=1), rate)


def encode_with(path: Path, audio: AudioTrack) -> EncodedVideo:
    return make(path, noise(49), fps=24, audio=audio)


@pytest.mark.parametrize("seconds", [0.0, 0.5, 2.041, 9.0])
@pytest.mark.parametrize(("rate", "channels"), [(48000, 2), (16000, 1)])
def test_sound_is_as_long_as_the_picture(tmp_path: Path, seconds: float, rate: int, channels: int):
    assert encode_with(tmp_path / "v.mp4", tone(seconds, rate, channels)).has_audio
    audio = ffprobe.stream(ffprobe.probe(tmp_path / "v.mp4"), "audio")
    assert (audio["codec_name"], audio["channels"]) == ("aac", channels)
    assert float(audio["duration"]) == pytest.approx(49 / 24, abs=0.001)


def test_sound_begins_with_the_picture_and_ends_in_silence(tmp_path: Path):
    encode_with(tmp_path / "v.mp4", tone(1.0, 48000, 2))
    heard = np.abs(ffprobe.decode_audio(tmp_path / "v.mp4", 2))
    assert heard[2400:45600].reshape(-1, 2400, 2).max(axis=1).min() > 0.4
    assert heard[50000:].max() < 0.01


def test_sound_beyond_its_range_is_cut_not_refused(tmp_path: Path):
    samples = np.array([[np.nan], [np.inf], [-np.inf], [7.0]] * 5000, np.float32)
    encode_with(tmp_path / "v.mp4", AudioTrack(samples, 24000))
    assert np.isfinite(ffprobe.decode_audio(tmp_path / "v.mp4", 1)).all()


@pytest.mark.parametrize("shape", [(100,), (100, 0), (100, 9), (1, 100, 2)])
def test_sound_of_a_wrong_shape_is_refused(tmp_path: Path, shape: tuple[int, ...]):
    with pytest.raises(EncodingFailed):
        encode_with(tmp_path / "v.mp4", AudioTrack(np.zeros(shape, np.float32), 48000))
    assert list(tmp_path.iterdir()) == []


TAGS = {
    "title": "-i /etc/passwd; 'single' \"double\" a=b #c \\ \\",
    "comment": "line\nnext\r\nlast\n\n",
    "prompt": "Ein Kätzchen 🐈 am Strand, 日本語, \u202eright to left",
    "videosdgx_seed": "42",
    "long": "x=é" * 60_000,
    "blank": "  spaces around  ",
}


def test_metadata_comes_back_to_the_letter(tmp_path: Path):
    make(tmp_path / "v.mp4", noise(1), metadata=TAGS)
    found = ffprobe.probe(tmp_path / "v.mp4")["format"]["tags"]
    assert {key: found[key] for key in TAGS} == TAGS


def test_text_that_no_file_can_hold_does_not_lose_the_video(tmp_path: Path):
    make(tmp_path / "v.mp4", noise(1), metadata={"title": "a\x00b\ud800c"})
    assert ffprobe.probe(tmp_path / "v.mp4")["format"]["tags"]["title"] == "ab?c"


def test_a_key_with_an_equals_sign_is_a_mistake_in_the_code(tmp_path: Path):
    with pytest.raises(ValueError, match="="):
        make(tmp_path / "v.mp4", noise(1), metadata={"a=b": "c"})


def test_a_relative_name_that_looks_like_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    make(Path("http:%d -y.mp4"), noise(1))
    video = ffprobe.stream(ffprobe.probe(tmp_path / "http:%d -y.mp4"), "video")
    assert video["nb_frames"] == "1"


def test_a_transposed_array_is_encoded_as_it_looks(tmp_path: Path):
    frames = np.zeros((3, WIDTH, HEIGHT, 3), np.uint8).transpose(0, 2, 1, 3)
    frames[:, :, : WIDTH // 2] = 255
    assert not frames.flags.c_contiguous
    make(tmp_path / "v.mp4", frames)
    shown = ffprobe.decode_rgb(tmp_path / "v.mp4", WIDTH, HEIGHT)
    assert shown[0, :, 10].min() > 250
    assert shown[0, :, -10].max() < 5


def test_callers_hear_of_every_chunk_and_of_the_last_frame(tmp_path: Path):
    heard: list[int | str] = []
    encode(
        clip_of(noise(12), chunk=5),
        tmp_path / "v.mp4",
        FAST,
        {},
        on_chunk=heard.append,
        on_frames_done=lambda _: heard.append("done"),
    )
    assert heard == [5, 10, 12, "done"]
