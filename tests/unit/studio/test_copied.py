"""H.265 is copied under the name by which Apple's players take it, whatever does that."""

from pathlib import Path

import pytest

from studio.operations.caption import Caption
from studio.operations.edit.task import Edit
from studio.operations.sound import AddAudio
from studio.tasks import Task
from tests.cutting import made
from tests.films import ffmpeg, film
from tests.unit.media.ffprobe import packet_hashes, probe, stream


@pytest.mark.parametrize("task", [AddAudio(), Caption(mode="track"), Edit()])
def test_h265_is_copied_as_hvc1(tmp_path: Path, task: Task) -> None:
    encoder = ("-c:v", "libx265", "-x265-params", "log-level=error", "-preset", "ultrafast")
    files = {"video": film(tmp_path / "a.mkv", 12, 24, "160x120", *encoder)}
    if isinstance(task, AddAudio):
        files["audio"] = tmp_path / "a.wav"
        ffmpeg("-f", "lavfi", "-i", "sine=duration=0.5", files["audio"])
    if isinstance(task, Caption):
        files["captions"] = tmp_path / "a.srt"
        files["captions"].write_text("1\n00:00:00,000 --> 00:00:00,400\nHELLO\n")
    file, _, _ = made(task, tmp_path / "made", **files)
    assert packet_hashes(file) == packet_hashes(files["video"])
    assert stream(probe(file), "video")["codec_tag_string"] == "hvc1"
