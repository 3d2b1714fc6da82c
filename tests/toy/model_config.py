"""A fifth model, numpy only: the whole stack runs on it, without torch and without weights.

Its options say how it misbehaves, so that the stack's answers to that can be tested.
"""

import os
import resource
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
from numpy.typing import NDArray
from pydantic import Field

from common.base.errors import CheckpointError, JobReleased
from common.contract import (
    BatchContext,
    JobContext,
    LoadOptions,
    Memory,
    ModelSpec,
    Phase,
    Quantization,
)
from common.contract.compute_dtype import ComputeDtype
from common.kinds.video import (
    VIDEO_KIND,
    AudioTrack,
    Capability,
    Defaults,
    Limits,
    Preset,
    VideoClip,
    VideoOptions,
    VideoVariant,
)
from common.kinds.video.presets import presets
from common.kinds.video.requests import ResolvedRequest

MIB = 1024**2
Moment = Literal["encoding_prompt", "denoising", "decoding"]


class ToyOptions(VideoOptions):
    """How long things take, and where they go wrong."""

    step_seconds: float = Field(0, ge=0, le=60, description="Seconds of each denoising step.")
    chunk_seconds: float = Field(0, ge=0, le=60, description="Seconds of each decoded chunk.")
    die_at: Moment | None = Field(None, description="Where the process kills itself.")
    raise_at: Moment | None = Field(None, description="Where the model raises.")
    out_of_memory_at: Moment | None = Field(None, description="Where an allocation fails.")
    no_thread_at: Moment | None = Field(None, description="Where no thread can be started.")
    hang_at: Moment | None = Field(None, description="Where the model never returns.")
    wraps_stops: bool = Field(
        False, description="Whether it makes errors of its own of stops, as libraries do."
    )
    bad_preview: bool = Field(False, description="Whether its previews raise.")
    hold_mb: int = Field(
        0, ge=0, le=4096, description="MiB that the job really takes while it runs."
    )
    bad_seed: int | None = Field(
        None, ge=0, description="The only job that misbehaves, in a batch of several."
    )
    says_mb: int | None = Field(None, ge=0, description="MiB that it says it takes, where it lies.")


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
    _take(float(os.environ.get("TOY_LOAD_SECONDS", "0")))
    return ToyPipeline(int(weights.read_text()), _touched(_megabytes(checkpoint)))


def _megabytes(checkpoint: Path) -> int:
    file = checkpoint / "megabytes.txt"
    return int(file.read_text()) if file.is_file() else 0


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
            _take(options.step_seconds)
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
        samples = np.zeros((int(request.duration * 8000), 2), np.float32)
        audio = AudioTrack(samples, 8000)
    return VideoClip(
        frames=_frames(pipeline, request, context),
        num_frames=request.num_frames,
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
    for start in range(0, request.num_frames, 4):
        count = min(4, request.num_frames - start)
        context.progress(Phase.DECODING, start, request.num_frames)
        _misbehave("decoding", [request])
        _take(options.chunk_seconds)
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


def _take(seconds: float) -> None:
    """Pass the time that a GPU would."""
    if seconds:
        threading.Event().wait(seconds)


def memory(
    checkpoint: Path, request: ResolvedRequest, dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> Memory:
    """What the checkpoint and the options say, and some frames."""
    options = ToyOptions.model_validate(request.options)
    says = options.hold_mb if options.says_mb is None else options.says_mb
    frames = request.width * request.height * 3 * 8
    return Memory(load_bytes=_megabytes(checkpoint) * MIB, run_bytes=says * MIB + frames)


def saved_bytes(
    checkpoint: Path, scheme: Quantization, _dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> int:
    """What a scheme would take off the weights, if there were any."""
    percent = {Quantization.FP8: 44, Quantization.FP8_COMPUTE: 44, Quantization.NF4: 65}
    return _megabytes(checkpoint) * MIB * percent.get(scheme, 0) // 100


def cost(request: ResolvedRequest) -> float:
    """One operation a pixel and step."""
    pixels = request.width * request.height * request.num_frames
    return float(pixels * request.num_inference_steps)


VARIANT = VideoVariant(
    checkpoint="videosdgx/toy",
    revision="main",
    capabilities=frozenset({Capability.TEXT_TO_VIDEO, Capability.IMAGE_TO_VIDEO, Capability.AUDIO}),
    limits=Limits(
        size_multiple=16,
        min_side=16,
        max_side=1280,
        max_pixels=1280 * 720,
        frames_step=4,
        min_frames=1,
        max_frames=161,
    ),
    defaults=Defaults(
        width=64,
        height=48,
        num_frames=9,
        fps=8,
        num_inference_steps=3,
        guidance_scale=1,
        negative_prompt="ugly",
    ),
    presets=presets(
        draft=Preset(size=(32, 32), num_inference_steps=1),
        high=Preset(size=(128, 96), num_inference_steps=5, guidance_scale=2),
    ),
)

SPEC = ModelSpec(
    kind=VIDEO_KIND,
    id="toy",
    title="Toy",
    licence="Apache-2.0",
    port=8099,
    variants=(VARIANT,),
    options=ToyOptions,
    load=load,
    generate=generate,
    memory=memory,
    saved_bytes=saved_bytes,
    cost=cost,
    max_batch=4,
    generate_batch=generate_batch,
)


def make_checkpoint(
    models_dir: Path, brightness: int = 255, *, name: str = "toy", megabytes: int = 0
) -> None:
    """Write a toy's weights where its service looks for them."""
    folder = models_dir / f"models--videosdgx--{name}"
    snapshot = folder / "snapshots" / "toy-revision"
    snapshot.mkdir(parents=True, exist_ok=True)
    (snapshot / "brightness.txt").write_text(str(brightness))
    (snapshot / "megabytes.txt").write_text(str(megabytes))
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text("toy-revision")
