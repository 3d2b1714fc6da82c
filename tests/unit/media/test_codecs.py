"""Which encoder runs, with which words, and what takes its place."""

import logging
import resource
import subprocess
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from common.base.settings.encoders import Codec
from common.media.codecs import (
    EncoderSettings,
    bounds_of,
    codec_arguments,
    resolve_codec,
    runs_on_gpu,
)
from common.media.encoder import encode
from tests.unit.media import ffprobe
from tests.unit.media.clips import clip_of, noise

HD = (1920, 1080)
NVENC: tuple[Codec, ...] = ("h264_nvenc", "hevc_nvenc")


def used(codec: Codec, width: int, height: int) -> str:
    """The encoder that frames of this size get."""
    return codec_arguments(EncoderSettings(codec), width, height)[1]


@pytest.mark.parametrize(
    ("codec", "quality", "own"),
    [
        ("libx264", "-preset medium -crf 20", ""),
        ("libx265", "-preset medium -crf 20", " -x265-params log-level=error -tag:v hvc1"),
        ("h264_nvenc", "-preset p5 -rc vbr -cq 20 -b:v 0", ""),
        ("hevc_nvenc", "-preset p5 -rc vbr -cq 20 -b:v 0", " -tag:v hvc1"),
    ],
)
def test_each_encoder_is_told_its_quality_in_its_own_words(codec: Codec, quality: str, own: str):
    told = " ".join(codec_arguments(EncoderSettings(codec, crf=20), *HD))
    assert told == f"-c:v {codec} {quality}{own}"


def test_what_nvenc_cannot_take_for_its_size_is_x264s():
    assert used("h264_nvenc", 4096, 2160) == "h264_nvenc"
    assert used("h264_nvenc", 4098, 2160) == "libx264"
    assert used("hevc_nvenc", 4098, 2160) == "hevc_nvenc"
    assert used("hevc_nvenc", 1080, 8194) == "libx264"
    for codec in NVENC:
        assert used(codec, 160, 160) == codec
        assert used(codec, 128, 128) == used(codec, 640, 64) == "libx264"
    assert used("libx265", 16, 16) == "libx265"


@pytest.mark.parametrize("codec", NVENC)
def test_ffmpeg_knows_every_word_that_nvenc_is_told(codec: Codec):
    """Without a GPU it fails all the same, for want of the driver and of nothing else."""
    source = ["-f", "lavfi", "-i", "color=size=256x256", "-frames:v", "2"]
    encoder = codec_arguments(EncoderSettings(codec), 256, 256)
    command = [get_ffmpeg_exe(), *source, *encoder, "-pix_fmt", "yuv420p", "-f", "null", "-"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    lacking = ("libcuda", "libnvidia-encode", "capable devices", "No CUDA-capable device")
    assert ran.returncode == 0 or any(words in ran.stderr for words in lacking), ran.stderr
    assert "has not been used" not in ran.stderr


def test_libx264_needs_no_trial(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    assert resolve_codec("libx264") == "libx264"
    assert resolve_codec("libx265") == "libx264", "where no ffmpeg starts, no trial succeeds"


@pytest.mark.parametrize("codec", NVENC)
def test_nvenc_is_what_it_is_or_falls_back_with_one_warning(
    codec: Codec, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        found = resolve_codec(codec)
    assert found in (codec, "libx264")
    said = [record.getMessage() for record in caplog.records]
    why = f"{codec} does not run on this machine; videos are encoded by libx264"
    assert said == ([] if found == codec else [why])


@pytest.mark.parametrize(
    ("codec", "made"), [("libx265", ("hevc", "hvc1")), ("h264_nvenc", ("h264", "avc1"))]
)
def test_a_file_of_the_encoder_that_runs(tmp_path: Path, codec: Codec, made: tuple[str, str]):
    path = tmp_path / "v.mp4"
    settings = EncoderSettings(resolve_codec(codec), preset="ultrafast")

    def ignore(*_: object) -> None: ...

    encode(clip_of(noise(3, 256, 256)), path, settings, {}, on_chunk=ignore, on_frames_done=ignore)
    video = ffprobe.stream(ffprobe.probe(path), "video")
    assert (video["codec_name"], video["codec_tag_string"]) == made
    assert (video["nb_frames"], video["color_space"]) == ("3", "bt709")


def test_beside_nvenc_memory_is_counted_and_addresses_are_not():
    """CUDA reserves more addresses than the machine has bytes."""
    assert [runs_on_gpu(codec) for codec in ("libx264", "libx265", *NVENC)] == [False] * 2 + [
        True
    ] * 2
    assert bounds_of("libx265", 7)[resource.RLIMIT_AS] == 7
    held = bounds_of("hevc_nvenc", 7)
    assert held[resource.RLIMIT_DATA] == 7
    assert resource.RLIMIT_AS not in held
