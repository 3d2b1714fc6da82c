"""What a step cache costs and saves: ``python -m scripts.shapes.step_caches``.

Scenes that no training showed, made by the small trained model whole and with each cache, in turn
in one process. The table is that of docs/benchmarks.md: how much of the transformer was computed,
the processor's time on one thread, how near the frames are to the whole run's, and whether they
show what was asked for.
"""

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.contract import ModelSpec
from common.contract.step_caches import StepCache
from common.kinds.video.resolved import ResolvedRequest
from scripts.shapes.local import loaded, request_for
from scripts.shapes.look import look
from scripts.shapes.obeys import PARTS, kept_back_scenes
from scripts.shapes.scenes import Scene
from scripts.shapes.weights import MODELS, install
from scripts.unwatched import Unwatched

THRESHOLDS = {
    StepCache.FIRST_BLOCK: (0.03, 0.05, 0.08, 0.15),
    StepCache.MAG: (0.06, 0.12, 0.24),
}
STEPS = (20, 50)
Case = tuple[StepCache, float] | None
CASES: tuple[Case, ...] = (
    None,
    *((cache, threshold) for cache, thresholds in THRESHOLDS.items() for threshold in thresholds),
)
"""The whole run first."""


@dataclass(frozen=True)
class Made:
    """A video: its frames, uint8 [T, H, W, 3], and what it took."""

    frames: NDArray[np.uint8]
    passes: int
    """Of the transformer's last block."""
    seconds: float
    """Of the processor, until the last step."""


@dataclass(frozen=True)
class Compared:
    """A video with a cache beside the whole one of the same request."""

    computed: float
    time: float
    """Both as shares of the whole run's."""
    psnr: float
    """In dB, over all frames; infinite where they are equal."""
    obeyed: bool


class Maker:
    """The loaded model, with a count of what is computed of it."""

    def __init__(self, spec: ModelSpec, pipeline: Any) -> None:
        self._spec = spec
        self._pipeline = pipeline
        self._passes = 0
        pipeline.transformer.blocks[-1].ffn.register_forward_hook(self._count)

    def _count(self, *_: Any) -> None:
        self._passes += 1

    def compared(self, scene: Scene, seed: int, steps: int) -> Iterator[Compared]:
        """One of each case; below the fewest steps too, where a service refuses them."""
        request = request_for(self._spec, scene, seed, steps)
        whole = self._made(request)
        for case in CASES:
            cached = self._made(with_cache(request, *case)) if case else whole
            found = look(cached.frames)
            yield Compared(
                computed=cached.passes / whole.passes,
                time=cached.seconds / whole.seconds,
                psnr=psnr(cached.frames, whole.frames),
                obeyed=found is not None and found.shows(scene, *PARTS),
            )

    def _made(self, request: ResolvedRequest) -> Made:
        self._passes, started = 0, time.process_time()
        clip = self._spec.generate(self._pipeline, request, Unwatched())
        seconds = time.process_time() - started
        return Made(np.concatenate(list(clip.frames)), self._passes, seconds)


def with_cache(request: ResolvedRequest, cache: StepCache, threshold: float) -> ResolvedRequest:
    """The same with a step cache."""
    chosen = {"step_cache": cache.value, "step_cache_threshold": threshold}
    return request.model_copy(update={"options": {**request.options, **chosen}})


def psnr(frames: NDArray[np.uint8], whole: NDArray[np.uint8]) -> float:
    """Of 8 bits, in dB."""
    error = float(np.square(frames.astype(np.float64) - whole).mean())
    return 10 * math.log10(255**2 / error) if error else math.inf


def row(steps: int, case: Case, clips: Sequence[Compared]) -> str:
    """A line of the table: means, and the worst video's."""
    cache, threshold = (f"`{case[0]}`", f"{case[1]:g}") if case else ("none", "")
    mean = {name: np.mean([getattr(clip, name) for clip in clips]) for name in ("computed", "time")}
    errors = [clip.psnr for clip in clips]
    cells = [str(steps), cache, threshold]
    cells += [f"{100 * mean['computed']:.0f} %", f"{mean['time']:.2f}"]
    cells += [f"{np.median(errors):.1f}", f"{min(errors):.1f}"]
    cells += [f"{sum(clip.obeyed for clip in clips)} of {len(clips)}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.shapes.step_caches", description=__doc__
    )
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS)
    parser.add_argument("--videos", type=int, default=6)
    parser.add_argument("--folder", type=Path, default=Path(".shapes"))
    args = parser.parse_args()
    (model,) = MODELS
    maker = Maker(*loaded(model, install(model, args.folder.resolve() / "models")))
    scenes = kept_back_scenes()
    chosen = [scenes[number * len(scenes) // args.videos] for number in range(args.videos)]
    print("| steps | cache | threshold | computed | time | PSNR, median | worst | obeyed |")
    print("|---|---|---|---|---|---|---|---|")
    for steps in args.steps:
        clips = [list(maker.compared(scene, seed, steps)) for seed, scene in enumerate(chosen)]
        for case, ones in zip(CASES, zip(*clips, strict=True), strict=True):
            print(row(steps, case, ones), flush=True)


if __name__ == "__main__":
    main()
