"""Fused clips against single ones, in a process of its own: ``scripts.bench.batch`` starts it.

``python -m scripts.bench.batch_child FOLDER HEADS COUNT SIZE...``: a size is WIDTHxHEIGHTxFRAMES;
HEADS is the width of the transformer in heads of 128, 0 for the tiny checkpoint as it is. It
answers a line of JSON for each size.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import WanTransformer3DModel

from common.contract import JobContext, LoadOptions, Phase
from common.kinds.video.resolved import ResolvedRequest
from scripts.bench.random_weights import randomized
from scripts.tiny import waver as tiny
from waver.estimates import WAN_2_2, num_tokens
from waver.pipeline import generate, generate_batch, load

STEPS = 2
ROUNDS = 2
LAYERS = 2


class Stopwatch:
    """A job, or several, that nobody watches; it notes when denoising ends."""

    def __init__(self, count: int = 1) -> None:
        self.denoised = 0.0
        self.clips: Sequence[JobContext] = [self] * count

    def progress(
        self,
        phase: Phase,
        step: int = 0,
        steps: int = 0,
        *,
        chunk: int = 0,
        chunks: int = 0,
        loss: float | None = None,
    ) -> None:
        """The last step is what counts."""
        if phase is Phase.DENOISING and step == steps:
            self.denoised = time.perf_counter()

    def preview(self, step: int, picture: object) -> None:
        """Nobody looks."""

    def raise_if_cancelled(self) -> None:
        """Nobody cancels."""


def main() -> None:
    """Measure every size, singles and batch in turn; the fastest round of each counts."""
    torch.set_num_threads(1)
    folder, heads, count, *sizes = sys.argv[1:]
    pipeline = load(tiny.build(Path(folder))[0], LoadOptions(device="cpu"))
    if int(heads):
        pipeline.transformer = _wide(int(heads))
    for size in sizes:
        requests = [_request(size, seed) for seed in range(int(count))]
        _together(pipeline, requests)  # kernels are chosen in it
        rounds = [
            (_apart(pipeline, requests), _together(pipeline, requests)) for _ in range(ROUNDS)
        ]
        apart, together = zip(*rounds, strict=True)
        answer = {"tokens": num_tokens(requests[0], WAN_2_2), "size": size}
        best = {"apart": _fastest(apart), "together": _fastest(together)}
        print(json.dumps({**answer, **best}), flush=True)


def _wide(heads: int) -> Any:
    """The real layers' proportions and the real width of a head; random weights."""
    width = heads * 128
    transformer = WanTransformer3DModel(
        in_channels=tiny.LATENT_CHANNELS,
        out_channels=tiny.LATENT_CHANNELS,
        num_attention_heads=heads,
        attention_head_dim=128,
        num_layers=LAYERS,
        ffn_dim=width * 14 // 3,
        text_dim=tiny.TEXT_DIM,
    )
    return randomized(transformer)


def _apart(pipeline: Any, requests: Sequence[ResolvedRequest]) -> tuple[float, float]:
    """Seconds of denoising, and of all with decoding."""
    parts = [_one(pipeline, request) for request in requests]
    return sum(part[0] for part in parts), sum(part[1] for part in parts)


def _one(pipeline: Any, request: ResolvedRequest) -> tuple[float, float]:
    watch, started = Stopwatch(), time.perf_counter()
    list(generate(pipeline, request, watch).frames)
    return watch.denoised - started, time.perf_counter() - started


def _together(pipeline: Any, requests: Sequence[ResolvedRequest]) -> tuple[float, float]:
    watch, started = Stopwatch(len(requests)), time.perf_counter()
    for clip in generate_batch(pipeline, requests, watch):
        list(clip.frames)
    return watch.denoised - started, time.perf_counter() - started


def _fastest(rounds: Sequence[tuple[float, float]]) -> list[float]:
    return [min(times) for times in zip(*rounds, strict=True)]


def _request(size: str, seed: int) -> ResolvedRequest:
    width, height, num_frames = map(int, size.split("x"))
    return ResolvedRequest(
        prompt=f"A cat walks on beach number {seed}",
        negative_prompt="ugly",
        width=width,
        height=height,
        num_frames=num_frames,
        fps=24,
        seed=seed,
        num_inference_steps=STEPS,
        guidance_scale=5,
    )


if __name__ == "__main__":
    main()
