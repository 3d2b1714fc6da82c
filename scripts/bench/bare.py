"""A model without this project: diffusers as its documentation calls it, then ffmpeg.

``python -m scripts.bench.bare MODEL CHECKPOINT REQUEST VIDEO``, with a resolved request. It loads,
then makes the video once for each line that it reads, and answers a line of JSON.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray

from common.base.settings import Settings
from common.contract.compute_dtype import AUTO
from common.media.codecs import COLOUR_FILTER, EncoderSettings, codec_arguments
from common.runtime.devices import compute_dtype

Frames = NDArray[np.uint8]


def main() -> None:
    """Be the process beside which a job is measured."""
    model, checkpoint, request, video = sys.argv[1:]
    os.nice(Settings.model_fields["worker_niceness"].default)  # as the worker is
    resolved = json.loads(request)
    pipeline = _load(model, checkpoint)
    for _ in sys.stdin:
        started = time.perf_counter()
        frames = _generate(model, pipeline, resolved)
        called = time.perf_counter()
        _encode(frames, resolved["fps"], Path(video))
        ended = time.perf_counter()
        print(json.dumps({"call": called - started, "encode": ended - called}), flush=True)


def _load(model: str, checkpoint: str) -> Any:
    import diffusers

    pipeline_class = {"wan21": diffusers.WanPipeline, "ltx2": diffusers.LTX2Pipeline}[model]
    # As the service beside it: what is compared is not the number format.
    dtype = compute_dtype(torch.device("cpu"), os.environ.get("COMPUTE_DTYPE") or AUTO)
    wide = dict.fromkeys(_in_float32(model, Path(checkpoint)), torch.float32)
    pipeline = pipeline_class.from_pretrained(checkpoint, dtype={"default": dtype, **wide})
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _in_float32(model: str, checkpoint: Path) -> Sequence[str]:
    """Parts that the service loads in float32 whatever the rest is in."""
    from ltx2.estimates import float32_components
    from wan21.estimates import IN_FLOAT32

    return float32_components(checkpoint) if model == "ltx2" else IN_FLOAT32


def _generate(model: str, pipeline: Any, resolved: dict[str, Any]) -> Frames:
    names = ("prompt", "negative_prompt", "width", "height", "num_frames", "num_inference_steps")
    arguments = {name: resolved[name] for name in (*names, "guidance_scale")}
    if model == "ltx2":
        arguments |= _ltx2_guidance(pipeline, resolved)
    generator = torch.Generator("cpu").manual_seed(resolved["seed"])
    output = pipeline(**arguments, generator=generator, output_type="np")
    frames: Frames = (output.frames[0] * 255).round().astype(np.uint8)
    return frames


def _ltx2_guidance(pipeline: Any, resolved: dict[str, Any]) -> dict[str, Any]:
    """The passes that the service makes for this request, so that the work is the same."""
    from common.kinds.video.resolved import ResolvedRequest
    from ltx2.denoising import sampling_arguments, sigmas_of
    from ltx2.traits import traits_of

    request = ResolvedRequest(**resolved)
    traits = traits_of(pipeline)
    return {**sampling_arguments(request, traits), "sigmas": sigmas_of(request, traits)}


def _encode(frames: Frames, fps: float, path: Path) -> None:
    """As one would by hand; the same quality as the service's."""
    height, width = frames.shape[1:3]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:g}"]
    picture = ["-vf", COLOUR_FILTER, *codec_arguments(EncoderSettings(), width, height)]
    command = [get_ffmpeg_exe(), "-y", "-v", "error", *source, "-i", "-", *picture, str(path)]
    subprocess.run(command, input=frames.tobytes(), check=True)


if __name__ == "__main__":
    main()
