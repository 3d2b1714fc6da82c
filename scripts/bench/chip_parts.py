"""The parts of ``scripts.bench.chip``: they need torch, the command line does not."""

import subprocess
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import product
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import AutoencoderKLWan

from common.base.settings.encoders import Codec
from common.contract import LoadOptions
from common.media.codecs import EncoderSettings, codec_arguments
from common.runtime.acceleration import accelerate
from common.runtime.available import is_integrated
from common.runtime.out_of_memory import is_out_of_memory
from scripts.bench.gpu_models import subjects
from scripts.bench.gpu_step import time_steps
from scripts.bench.gpu_subject import build
from scripts.bench.report import Report, median

GIB = 2**30
ROUNDS = 3
LATENTS = (1, 16, 6, 60, 104)
"""832x480, 21 frames: as many as are decoded in pieces of four, the first and five more."""
SMALL_LATENTS = (1, 16, 2, 8, 8)
FRACTION = 0.2
CODECS: tuple[Codec, ...] = ("libx264", "h264_nvenc", "hevc_nvenc")


@torch.no_grad()
def decoding(report: Report, device: torch.device, small: bool) -> None:
    """Wan 2.1's decoder, random weights: contiguous and channels_last_3d, float32 and bfloat16.

    cuDNN picks other kernels for each: bfloat16's may be a slow path.
    """
    shape = SMALL_LATENTS if small else LATENTS
    for dtype, layout in product(
        (torch.float32, torch.bfloat16), (torch.contiguous_format, torch.channels_last_3d)
    ):
        vae: Any = AutoencoderKLWan(**({"base_dim": 8} if small else {})).to(device, dtype).eval()
        _lay_out(vae, layout)
        decode = partial(vae.decode, torch.randn(shape).to(device, dtype))
        decode()
        seconds = median([_seconds(decode, device) for _ in range(ROUNDS)])
        name = f"{dtype}, {layout}".replace("torch.", "")
        note = f"latents of {'x'.join(map(str, shape))}"
        report.add("decoding, Wan 2.1", name, seconds, "s", None, note)


def _lay_out(vae: torch.nn.Module, memory_format: torch.memory_format) -> None:
    for parameter in vae.parameters():
        if parameter.ndim == 5:
            parameter.data = parameter.data.to(memory_format=memory_format)


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    started = time.perf_counter()
    call()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def offload(report: Report, device: torch.device, small: bool) -> None:
    """A step with its blocks on the GPU, and with all but one of them on the CPU."""
    if device.type != "cuda" or is_integrated(device):
        report.add("group offload", "left out", 0, "", None, "it needs a discrete GPU")
        return
    subject = subjects("small" if small else "check")[0]
    model: Any = build(subject, device)
    calls = subject.step(subject.cases[0], device)
    for name, offloads in (("on the GPU", False), ("offloaded", True)):
        if offloads:
            model.to("cpu")
            torch.cuda.empty_cache()
            accelerate(model, LoadOptions(group_offload=True), device)
        seconds, peak = time_steps(model, calls, device, ROUNDS)
        note = f"{peak / GIB:.2f} GiB at most; {subject.title}, {subject.cases[0].name}"
        report.add("group offload", name, seconds, "s/step", None, note)


def fraction(report: Report, device: torch.device, small: bool) -> None:
    """Whether a process that may take a fifth of the GPU is stopped there, and can go on."""
    del small
    if device.type != "cuda":
        report.add("memory fraction", "left out", 0, "", None, "it needs a GPU")
        return
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(FRACTION, device)
    taken: list[torch.Tensor] = []
    try:
        while len(taken) * GIB < total:
            taken.append(torch.empty(GIB, dtype=torch.uint8, device=device))
    except RuntimeError as exc:
        if not is_out_of_memory(exc):
            raise
    share = len(taken) * GIB / total
    taken.clear()
    works = bool(torch.ones(2, device=device).sum() == 2)
    note = f"asked for {FRACTION}; goes on afterwards: {works}"
    report.add("memory fraction", "stopped at", share, "of the GPU", None, note)


def nvenc(report: Report, device: torch.device, small: bool) -> None:
    """Whether ffmpeg's hardware encoder runs, and how fast. H100 and H200 have no such unit."""
    if find_spec("imageio_ffmpeg") is None:
        report.add("NVENC", "left out", 0, "", None, "the package imageio_ffmpeg is not installed")
        return
    from imageio_ffmpeg import get_ffmpeg_exe

    width, height, frames = (256, 256, 24) if small else (1280, 720, 240)
    size = f"{width}x{height}"
    for codec in CODECS:
        encoder = codec_arguments(EncoderSettings(codec), width, height)
        command = [get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", f"testsrc2=s={size}:r=24"]
        command += ["-frames:v", str(frames), *encoder, "-f", "null", "-"]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        rate = frames / (time.perf_counter() - started) if done.returncode == 0 else 0
        note = "" if rate else "does not run here"
        report.add("NVENC", f"{codec}, {size}", rate, "frames/s", None, note)
