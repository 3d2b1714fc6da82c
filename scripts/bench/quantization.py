"""Quantization: the error of a block at real widths, bytes a parameter, and what is skipped."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from common.contract import Quantization
from scripts.bench.report import Report

if TYPE_CHECKING:
    from scripts.bench.block_errors import Row

SCHEMES = (
    Quantization.NONE,
    Quantization.FP8,
    Quantization.FP8_COMPUTE,
    Quantization.NF4,
    Quantization.NVFP4,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--model", default="", help="only those whose name contains this")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there")


def run(args: argparse.Namespace, report: Report) -> None:
    """Measure on the CPU: about 5 GB of memory and half an hour on two cores."""
    from scripts.bench.block_errors import measure
    from scripts.bench.blocks import alternatives, subjects
    from scripts.bench.quantization_page import page

    wanted = args.model.lower()
    rows: list[Row] = []
    for subject in subjects():
        if wanted in subject.name.lower():
            rows += _told(report, subject.name, measure(subject, SCHEMES))
    weighed: list[Row] = []
    for subject, scheme in alternatives():
        if wanted in subject.name.lower():
            weighed += _told(report, subject.name, measure(subject, (scheme,)))
    if args.write is not None:
        args.write.write_text(page(rows, weighed), encoding="utf-8")


def _told(report: Report, name: str, rows: "Iterator[Row]") -> "list[Row]":
    report.heading(name)
    told = []
    for row in rows:
        _tell(report, row)
        told.append(row)
    return told


def _tell(report: Report, row: "Row") -> None:
    group = f"{row.model}, {row.scheme}"
    report.add(group, "error of the block's output", 100 * row.output_error, "%")
    if row.update_error is not None:
        report.add(group, "error of what the block adds", 100 * row.update_error, "%")
    report.add(group, "the same beside outliers", 100 * row.outlier_error, "%")
    report.add(group, "quantized layers", row.layer_bytes, "bytes/parameter")
    report.add(group, "whole model", row.model_bytes / 1e9, "GB")
