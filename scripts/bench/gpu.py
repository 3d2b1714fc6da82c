"""Real-size transformers: seconds a step (a chunk of MAGI-1), share of the chip's peak, memory."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from common.contract import Quantization
from scripts.bench.gpu_write import DOCUMENT, write_figures
from scripts.bench.report import Goal, Report

if TYPE_CHECKING:
    import torch

    from scripts.bench.gpu_step import Measured, Setup

PEAKS = {"H200": 790.0, "H100": 790.0, "GB10": 99.8}
"""Dense bfloat16 TFLOP/s that matrix products really reach, by a part of the device's name. The
two Hoppers have the same cores (990 on paper); GB10's is the best of a sweep over shapes."""

SHARE_GOAL = Goal(60, "least")
"""Percent of the peak, on a Hopper in bfloat16 at 720p."""
FP8_GOAL = Goal(1.4, "least")
"""How many times faster than bfloat16 FP8 products shall be."""

_SIZES = "check is a few blocks of full width; small is for where there is no GPU"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--model", choices=("wan21", "ltx2", "magi1"), help="only this one")
    parser.add_argument("--size", choices=("full", "check", "small"), help=_SIZES)
    parser.add_argument(
        "--schemes",
        default="default",
        help="with commas; none is always there; default is both "
        "the model's own and fp8_compute, where they run",
    )
    parser.add_argument("--backends", default="all", help="with commas; all are those that run")
    parser.add_argument("--no-compile", action="store_true", help="leave the compiled ones out")
    parser.add_argument("--steps", type=int, default=3, help="measured; their median counts")
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FOLDER",
        help="measure nothing: put the "
        "figures that are in FOLDER, as JSON, into docs/gpu-figures.md",
    )
    parser.add_argument("--document", type=Path, default=DOCUMENT, help="that one instead")
    parser.add_argument("--peak-tflops", type=float, help="of this chip, if it is not known here")


def run(args: argparse.Namespace, report: Report) -> None:
    """Measure every model, scheme, attention backend, compiled and not."""
    if args.write is not None:
        write_figures(args.write, args.document)
        return
    from common.runtime.devices import pick_device
    from scripts.bench.gpu_models import subjects
    from scripts.bench.gpu_step import device_name, measure

    device = pick_device()
    size = args.size or ("full" if device.type == "cuda" else "small")
    peak = args.peak_tflops or _peak(device_name(device))
    print(f"{device_name(device)}; bf16 peak {f'{peak:g} TFLOP/s' if peak else 'not known'}")
    for subject in subjects(size):
        if args.model in (None, subject.model):
            report.heading(subject.title)
            done = list(_told(report, measure(subject, device, _setup(args, device)), peak))
            _compare(report, done)


def _setup(args: argparse.Namespace, device: "torch.device") -> "Setup":
    from scripts.bench.gpu_step import Setup

    named = [] if args.schemes == "default" else args.schemes.split(",")
    return Setup(
        schemes=tuple(map(Quantization, named)) or None,
        backends=None if args.backends == "all" else tuple(args.backends.split(",")),
        # Compiling is what costs on a CPU: half a minute for a block that runs in a millisecond.
        compiles=not args.no_compile and device.type == "cuda",
        steps=args.steps,
    )


def _peak(device: str) -> float | None:
    return next((peak for name, peak in PEAKS.items() if name in device), None)


def _told(
    report: Report, measured: "Iterator[Measured]", peak: float | None
) -> Iterator["Measured"]:
    for one in measured:
        report.add(one.group, one.name, one.seconds, one.unit, note=_note(one, peak))
        report.add(one.group, f"{one.name}, peak memory", one.peak_bytes / 1e9, "GB")
        if peak and one.flops:
            share = 100 * one.flops / one.seconds / 1e12 / peak
            goal = SHARE_GOAL if peak == PEAKS["H200"] and _is_goal(one) else None
            report.add(one.group, f"{one.name}, of bf16 peak", share, "%", goal)
        yield one


def _is_goal(one: "Measured") -> bool:
    plain = one.scheme is Quantization.NONE and one.backend == "native"
    return plain and one.case == "1280x720x81"


def _note(one: "Measured", peak: float | None) -> str:
    if not one.flops:
        return ""
    done = one.flops / one.seconds / 1e12
    return f"{done:.3g} TFLOP/s" + (f", {done / peak:.0%} of peak" if peak else "")


def _compare(report: Report, done: "list[Measured]") -> None:
    """FP8 products against bfloat16, where both were measured alike."""
    plain = {one.alike: one for one in done if one.scheme is Quantization.NONE}
    for one in done:
        if one.scheme is Quantization.FP8_COMPUTE and one.alike in plain:
            times = plain[one.alike].seconds / one.seconds
            report.add(one.group, f"{one.name}, against bf16", times, "times", FP8_GOAL)
