"""Videos of MAGI-1 in a process of their own: ``python -m scripts.bench.magi1_child``.

It is what ``scripts.bench.magi1`` starts: a peak must not be that of the video before. It answers
in JSON.
"""

import argparse
import ctypes
import gc
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.contract import LoadOptions
from common.kinds.video.resolved import ResolvedRequest
from magi1 import pipeline as magi1
from magi1.estimates import CHUNK_FRAMES
from scripts.bench.high_water import peak_bytes, reset_peak
from scripts.tiny.magi1 import Geometry, save
from scripts.unwatched import Unwatched

GEOMETRY = Geometry(layers=4, dim=256, ffn_dim=512, heads=4, kv_groups=2, head_dim=64)
"""Wide enough that the window outweighs what Python and torch come and go with."""

SIDE = 192
"""Pixels: a chunk is 864 tokens, its keys and values 1.8 MB, its frames 2.7 MB, its latents 0.2."""

STEPS = 8
PAIRS = 12
ROUNDS = 5
CPU = torch.device("cpu")

Frames = Iterator[NDArray[np.uint8]]
Json = dict[str, Any]


def main() -> None:
    """Do one thing and say what came of it."""
    args = _arguments()
    torch.set_num_threads(1)
    json.dump(TASKS[args.task](args), sys.stdout)


def make(args: argparse.Namespace) -> Json:
    """The checkpoint, in the real layout."""
    save(args.folder, GEOMETRY)
    return {}


def video(args: argparse.Namespace) -> Json:
    """One video of ``chunks[0]``: the most bytes and the seconds while each of its chunks came."""
    pipeline = _load(args.folder)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what loading left free is not the model's
    loaded = reset_peak(CPU)
    peaks, seconds = [], []
    frames = _frames(pipeline, args.chunks[0])
    for _ in range(args.chunks[0]):
        seconds.append(_draw(frames)[0])
        peaks.append(peak_bytes(CPU))
        reset_peak(CPU)
    return {"loaded": loaded, "peaks": peaks, "seconds": seconds}


def pace(args: argparse.Namespace) -> Json:
    """CPU seconds of late chunks of the longest video over those of early chunks of another.

    They are drawn in turn, so that whatever else the machine does slows both.
    """
    pipeline, longest = _load(args.folder), args.chunks[-1]
    late, early = _frames(pipeline, longest), _frames(pipeline, longest)
    for _ in range(longest - PAIRS - pipeline.sampling.window_size + 1):
        _draw(late)
    _draw(early)  # it fills the window
    pairs = [(_draw(late)[1], _draw(early)[1]) for _ in range(PAIRS)]
    return {
        "late": statistics.median(one for one, _ in pairs),
        "early": statistics.median(one for _, one in pairs),
        "ratio": statistics.median(one / other for one, other in pairs),
    }


def first(args: argparse.Namespace) -> Json:
    """Seconds and CPU seconds to the first frames, for each length in turn; medians."""
    pipeline = _load(args.folder)
    _first(pipeline, args.chunks[0])  # kernels are chosen in it
    rounds = [[_first(pipeline, chunks) for chunks in args.chunks] for _ in range(ROUNDS)]
    seconds, cpu_seconds = (
        [statistics.median(times[kind] for times in column) for column in zip(*rounds, strict=True)]
        for kind in (0, 1)
    )
    return {"seconds": seconds, "cpu_seconds": cpu_seconds}


def _first(pipeline: magi1.MagiPipeline, chunks: int) -> tuple[float, float]:
    started, cpu = time.perf_counter(), time.process_time()
    next(_frames(pipeline, chunks))
    return time.perf_counter() - started, time.process_time() - cpu


def _draw(frames: Frames) -> tuple[float, float]:
    """Seconds and CPU seconds until the next chunk is there."""
    started, cpu = time.perf_counter(), time.process_time()
    next(frames)
    return time.perf_counter() - started, time.process_time() - cpu


def _load(folder: Path) -> magi1.MagiPipeline:
    checkpoint = folder / "ckpt" / "magi" / "4.5B_distill"
    return magi1.load(checkpoint, LoadOptions(device="cpu"))


def _frames(pipeline: magi1.MagiPipeline, chunks: int) -> Frames:
    request = ResolvedRequest(
        prompt="A cat walking on a beach at sunset",
        negative_prompt="",
        width=SIDE,
        height=SIDE,
        num_frames=chunks * CHUNK_FRAMES,
        fps=24,
        seed=42,
        num_inference_steps=STEPS,
        guidance_scale=1,
    )
    return magi1.generate(pipeline, request, Unwatched()).frames


TASKS = {"make": make, "video": video, "pace": pace, "first": first}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--chunks", type=int, nargs="+")
    return parser.parse_args()


if __name__ == "__main__":
    main()
