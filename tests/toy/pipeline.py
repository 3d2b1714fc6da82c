"""What the toy's worker does: a bright bar walks across the picture, or something goes wrong."""

import os
import resource
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from common.base.errors import CheckpointError, JobReleased
from common.contract import BatchContext, JobContext, LoadOptions, Phase
from common.kinds.video import AudioTrack, VideoClip
from common.kinds.video.resolved import ResolvedRequest
from tests.toy.options import MIB, Moment, ToyOptions, megabytes_of


@dataclass(frozen=True)
class ToyPipeline:
    brightness: int
    weights: NDArray[np.uint8]
    """Memory really taken, as large as the checkpoint's megabytes.txt says."""


def load(checkpoint: Path, _options: LoadOptions) -> ToyPipeline:
    """Read the one weight of the checkpoint; takes its megabytes, and TOY_LOAD_SECONDS."""
    weights = checkpoint / "brightness.txt"
    if not weights.is_file():
        raise CheckpointError("The toy checkpoint is incomplete.", hint="Write brightness.txt.")
    take(float(os.environ.get("TOY_LOAD_SECONDS", "0")))
    return ToyPipeline(int(weights.read_text()), _touched(megabytes_of(checkpoint)))


def _touched(megabytes: int) -> NDArray[np.uint8]:
    return np.full(megabytes * MIB, 1, np.uint8)  # ones: zeros would stay untouched pages


def generate(pipeline: ToyPipeline, request: ResolvedRequest, context: JobContext) -> VideoClip:
    """Walk a bright bar across the picture."""
    _denoise([request], context)
    return _clip(pipeline, request, context)


def generate_batch(
    pipeline: ToyPipeline, requests: Sequence[ResolvedRequest], context: BatchContext
) -> list[VideoClip]:
    """Several bars, in the time of one."""
    _denoise(requests, context)
    pairs = zip(requests, context.clips, strict=True)
    return [_clip(pipeline, request, clip) for request, clip in pairs]


def _denoise(requests: Sequence[ResolvedRequest], context: JobContext) -> None:
    options, steps = ToyOptions.model_validate(requests[0].options), requests[0].num_inference_steps
    context.progress(Phase.ENCODING_PROMPT)
    _misbehave("encoding_prompt", requests)
    held = _touched(options.hold_mb * len(requests))
    for step in range(steps):
        context.raise_if_cancelled()
        _misbehave("denoising", requests)
        try:
            take(options.step_seconds)
        except JobReleased as exc:
            if options.wraps_stops:
                raise RuntimeError("secret inside of a library") from exc
            raise
        context.progress(Phase.DENOISING, step + 1, steps)
        context.preview(step + 1, partial(_preview, requests[0], options))
    del held


def _clip(pipeline: ToyPipeline, request: ResolvedRequest, context: JobContext) -> VideoClip:
    audio = None
    if request.generate_audio:
        seconds = request.clip_frames / request.fps
        samples = np.zeros((int(seconds * 8000), 2), np.float32)
        audio = AudioTrack(samples, 8000)
    return VideoClip(
        frames=_frames(pipeline, request, context),
        num_frames=request.clip_frames,
        width=request.width,
        height=request.height,
        fps=request.fps,
        audio=audio,
    )


def _frames(
    pipeline: ToyPipeline, request: ResolvedRequest, context: JobContext
) -> Iterator[NDArray[np.uint8]]:
    options = ToyOptions.model_validate(request.options)
    random = np.random.default_rng(request.seed)
    level = int(random.integers(0, 128))
    for start in range(0, request.clip_frames, 4):
        count = min(4, request.clip_frames - start)
        context.progress(Phase.DECODING, start, request.clip_frames)
        _misbehave("decoding", [request])
        take(options.chunk_seconds)
        frames = np.full((count, request.height, request.width, 3), level, np.uint8)
        frames[:, :, (start * 3) % request.width :: 17] = pipeline.brightness
        yield frames


def _preview(request: ResolvedRequest, options: ToyOptions) -> NDArray[np.uint8]:
    """Red on the left, blue on the right; an eighth of the size, as latents are."""
    if options.bad_preview:
        raise RuntimeError("secret inside of the toy's preview")
    frame = np.zeros((request.height // 8, request.width // 8, 3), np.uint8)
    frame[:, : request.width // 16, 0] = 255
    frame[:, request.width // 16 :, 2] = 255
    return frame


def _misbehave(moment: Moment, requests: Sequence[ResolvedRequest]) -> None:
    options = ToyOptions.model_validate(requests[0].options)
    if options.bad_seed is not None and options.bad_seed not in [r.seed for r in requests]:
        return
    if options.die_at == moment:
        os.kill(os.getpid(), signal.SIGKILL)
    if options.raise_at == moment:
        raise RuntimeError("secret inside of the toy model")
    if options.out_of_memory_at == moment:
        raise MemoryError
    if options.no_thread_at == moment:
        _start_a_thread_without_room()
    if options.hang_at == moment:
        threading.Event().wait()


def _start_a_thread_without_room() -> None:
    """As on a machine that has no threads left: there is no memory for another stack."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    held = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (held, before[1]))
    try:
        threading.Thread(target=bool).start()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def take(seconds: float) -> None:
    """Pass the time that a GPU would."""
    if seconds:
        threading.Event().wait(seconds)
