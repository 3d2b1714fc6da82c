"""What only a GPU can show besides steps: decoding by memory format, offload, fraction, NVENC."""

import argparse

from scripts.bench.report import Report

PARTS = ("decoding", "offload", "fraction", "nvenc")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    parser.add_argument("--size", choices=("full", "small"), help="small where there is no GPU")


def run(args: argparse.Namespace, report: Report) -> None:
    """Each part by itself; on a CPU some can only say that they were left out."""
    from common.runtime.devices import pick_device
    from scripts.bench import chip_parts

    device = pick_device()
    size = args.size or ("full" if device.type == "cuda" else "small")
    for part in args.only:
        report.heading(f"{part}, {size}")
        getattr(chip_parts, part)(report, device, size == "small")
