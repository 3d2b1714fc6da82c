"""The child process by itself."""

import os
import select
import subprocess
import sys
from pathlib import Path

from common.media.codecs import GPU_NAMES
from common.media.ffmpeg import FfmpegChild
from tests.unit.media.clips import HEIGHT, WIDTH, noise


def test_the_count_is_what_ffmpeg_wrote_not_what_it_was_fed():
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{WIDTH}x{HEIGHT}"]
    child = FfmpegChild([*raw, "-i", "pipe:0", "-frames:v", "2", "-f", "null", "-"])
    child.write(noise(2).data.cast("B"))
    child.close_input()
    assert child.wait(lambda: None) == 0
    assert child.frames_encoded() == 2
    child.close()


BESIDE = """
import os
from pathlib import Path
from common.media.ffmpeg import FfmpegChild
from tests.unit.media.clips import Begun
begun = Begun()
raw = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", "8x8"]
child = FfmpegChild([*raw, "-i", "-", "-f", "null", "-"])
given = Path(f"/proc/{begun.only()}/environ").read_text().split("\\0")
print(*(line.partition("=")[0] for line in given))
child.kill()
"""


def test_ffmpeg_gets_nothing_of_our_environment():
    """A program that needs no key is given none."""
    secrets = {"API_KEYS": "a", "DATABASE_URL": "b", "HF_TOKEN": "c", "PYTHONPATH": "."}
    command = [sys.executable, "-c", BESIDE]
    ran = subprocess.run(command, env=os.environ | secrets, capture_output=True, text=True)
    assert set(ran.stdout.split()) <= {"PATH", "LD_LIBRARY_PATH", "LANG", *GPU_NAMES}
    assert "PATH" in ran.stdout


PARENT = """
import sys
from pathlib import Path
from common.media.codecs import EncoderSettings
from common.media.encoder import Mp4Encoder
from tests.unit.media.clips import Begun, clip_of, noise
begun = Begun()
with Mp4Encoder(clip_of(noise(9)), Path(sys.argv[1]), EncoderSettings(), {}) as encoder:
    encoder.write(noise(3))
    print(begun.only(), flush=True)
    sys.stdin.read()
"""


def test_ffmpeg_does_not_outlive_a_worker_that_is_killed(tmp_path: Path):
    path = tmp_path / "v.mp4"
    command = [sys.executable, "-c", PARENT, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        ffmpeg = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    gone, _, _ = select.select([ffmpeg], [], [], 20)
    os.close(ffmpeg)
    assert gone
    path.unlink(missing_ok=True)
