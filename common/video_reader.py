"""Reads videos from clients with ffmpeg, in a child process that may do very little.

A video can name other files and addresses: HLS and DASH playlists, concat scripts and references
inside an MP4 do. Here the child is given one open file and has no other way to a byte: it knows
the ``fd`` protocol only, and the MP4 and Matroska families only.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import InvalidRequest

CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2": "mp4", "matroska,webm": "webm"}
"""ffmpeg's names of the demuxers that are allowed, and the endings of their files here."""

TIMEOUT_SECONDS = 30.0
"""32 frames of 4K, from 60 a second, took 1.4 s (H.264) to 3.3 s (HEVC) on two shared cores."""

_MAX_ALLOCATION = 512 * 1024**2
"""Bytes that ffmpeg may ask for at once: a header can claim any size."""
_THREADS = "2"


@dataclass(frozen=True)
class Ended:
    """A child that ended: exit status, standard output, and what it said."""

    status: int
    output: bytes
    words: str


def run_reader(
    file: int,
    options: Sequence[str],
    *,
    max_pixels: int,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Ended:
    """Run ffmpeg with ``file`` as its only input and ``options`` for its output.

    Args:
        file: descriptor of a regular file. Its place moves.
        options: of the output; empty shows the header.
        max_pixels: larger frames are not decoded.
        timeout_seconds: then it is killed.

    Raises:
        InvalidRequest: it took too long.
    """
    from imageio_ffmpeg import get_ffmpeg_exe  # the API process stays small until needed

    os.lseek(file, 0, os.SEEK_SET)  # the child shares our place in the file
    allowed = ["-protocol_whitelist", "fd", "-format_whitelist", ",".join(CONTAINERS)]
    bounds = ["-max_pixels", str(max_pixels), "-threads", _THREADS]
    command = [get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-max_alloc", str(_MAX_ALLOCATION)]
    try:
        child = subprocess.run(
            [*command, *allowed, *bounds, "-fd", "0", "-i", "fd:", *options],
            stdin=file,
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise InvalidRequest(
            f"The video cannot be read within {timeout_seconds:g} seconds.",
            param="video",
            hint="Send it smaller, or in another encoding, such as H.264.",
        ) from exc
    return Ended(child.returncode, child.stdout, child.stderr.decode(errors="replace"))


def first_frames(fps: float, count: int, *filters: str) -> list[str]:
    """Output options: the first ``count`` frames at ``fps``, through ``filters``.

    Pictures of the cover, as music files have them, do not count as video.
    """
    chain = ",".join([f"fps={fps:g}", *filters])
    shown = ["-map", "0:V:0", "-vf", chain, "-frames:v", str(count)]
    return [*shown, "-fps_mode", "passthrough"]
