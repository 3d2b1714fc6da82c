"""What content credentials cost: seconds and memory for files of several sizes.

The files are MP4s of random bytes: C2PA hashes frames, and decodes none.
"""

import argparse
import os
import resource
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av

from common.contract.variants import Checkpoint
from common.media.credentials import own
from common.media.credentials.certificate import certificate_of
from common.media.credentials.manifest import Origin
from common.media.credentials.signing import Credentials
from scripts.bench.report import Report, median

SIZES_MB = (1, 20, 60, 100, 1000)
"""Rising: the peak of memory is the largest of all children so far."""
ROUNDS = 3
FPS = 24
_FRAME_BYTES = 100_000
_ORIGIN = Origin("benchmark", Checkpoint("org/name", "c0ffee", Path()), prompt="")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A folder on the disk of the outputs; it holds two large files at a time."""
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the files go")


def run(args: argparse.Namespace, report: Report) -> None:
    """Sign each size a few times."""
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        credentials = Credentials(certificate_of(*own.kept(folder / own.FOLDER)))
        for megabytes in SIZES_MB:
            seconds = [_signed(credentials, folder, megabytes) for _ in range(ROUNDS)]
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            report.add(f"{megabytes} MB", "time", median(seconds), "s", note=f"median of {ROUNDS}")
            report.add(f"{megabytes} MB", "the child's peak of memory", peak, "MiB")


def _signed(credentials: Credentials, folder: Path, megabytes: int) -> float:
    """Seconds that it took."""
    file = random_film(folder / "video.mp4", megabytes)
    started = time.perf_counter()
    credentials.sign(file, _ORIGIN, lambda: None)
    return time.perf_counter() - started


def random_film(path: Path, megabytes: int) -> Path:
    """An MP4 that no player shows, ``moov`` first."""
    frame = os.urandom(_FRAME_BYTES)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=FPS, width=64, height=64)
        for number in range(megabytes * 1_000_000 // _FRAME_BYTES):
            packet = av.Packet(frame)
            packet.stream, packet.time_base = stream, Fraction(1, FPS)
            packet.pts = packet.dts = number
            container.mux(packet)
    return path
