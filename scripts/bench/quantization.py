"""Quantization: the error of a block at real widths, bytes a parameter, and what is skipped."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from common.contract import Quantization
from scripts.bench.report import Report, machine

if TYPE_CHECKING:
    from scripts.bench.block_errors import Row

COMMAND = "python -m scripts.benchmark quantization --write docs/quantization.md"
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
    """Measure on the CPU: about 5 GB of memory and five minutes."""
    from scripts.bench.block_errors import measure
    from scripts.bench.blocks import subjects

    rows: list[Row] = []
    for subject in subjects():
        if args.model.lower() not in subject.name.lower():
            continue
        report.heading(subject.name)
        for row in measure(subject, SCHEMES):
            rows.append(row)
            _tell(report, row)
    if args.write is not None:
        args.write.write_text(page(rows), encoding="utf-8")


def _tell(report: Report, row: "Row") -> None:
    group = f"{row.model}, {row.scheme}"
    report.add(group, "error of the block's output", 100 * row.output_error, "%")
    if row.update_error is not None:
        report.add(group, "error of what the block adds", 100 * row.update_error, "%")
    report.add(group, "quantized layers", row.layer_bytes, "bytes/parameter")
    report.add(group, "whole model", row.model_bytes / 1e9, "GB")


def page(rows: "list[Row]") -> str:
    """The document."""
    parts = (_INTRODUCTION, _SCHEMES, _errors(rows), _sizes(rows), _kept(rows), _OWED)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _errors(rows: "list[Row]") -> str:
    facts = machine()
    lines = (
        (
            row.model,
            f"`{row.scheme}`",
            f"{row.output_error:.2%}",
            "" if row.update_error is None else f"{row.update_error:.2%}",
        )
        for row in rows
    )
    return f"""## Error of one block (CPU)

{_table(("model", "scheme", "of the output", "of what the block adds"), lines)}

One block of the real class at its real widths; random weights of standard deviation
1/sqrt(fan-in), random input, bfloat16. Errors are relative, in the Frobenius norm, against the
same weights in float32; `none` is what bfloat16 itself costs. A transformer block adds to its
input, so the second figure is the harder one. For the text encoders it is the last hidden state
of a model with one layer. `fp8_compute` is emulated: the values that the float8 units would see,
multiplied in float32, which sums more exactly than a GPU's fast accumulation.

Measured on {facts["cpu"]}, torch {facts["packages"]["torch"]}, {facts["date"][:10]}."""


def _sizes(rows: "list[Row]") -> str:
    lines = (
        (
            f"{row.model}, {row.parameters / 1e9:.2f}B",
            f"`{row.scheme}`",
            f"{row.layer_bytes:.3f}",
            f"{row.share:.1%}",
            f"{row.model_bytes / row.parameters:.3f}",
            f"{row.model_bytes / 1e9:.1f} GB",
        )
        for row in rows
    )
    head = ("model", "scheme", "bytes/parameter, its layers", "of the model", "whole", "in all")
    return f"""## Size

{_table(head, lines)}

The layers' bytes are those of the block above, scales included; the whole model is counted from
its shapes, with what stays in high precision at 2 bytes. GB are 10^9 bytes."""


def _kept(rows: "list[Row]") -> str:
    """One table a model; schemes that keep the same are one column's worth of text."""
    parts = ["## What stays in high precision"]
    for model in dict.fromkeys(row.model for row in rows):
        parts.append(f"### {model}\n\n{_kept_table([r for r in rows if r.model == model])}")
    return "\n\n".join(parts)


def _kept_table(rows: "list[Row]") -> str:
    schemes: dict[tuple[str, float], list[str]] = {}
    for row in rows:
        if row.scheme is not Quantization.NONE:
            for reason, share in row.kept.items():
                schemes.setdefault((reason, share), []).append(f"`{row.scheme}`")
    lines = (
        (reason, f"{share:.3%}", "all" if len(names) == len(rows) - 1 else ", ".join(names))
        for (reason, share), names in schemes.items()
    )
    return _table(("why", "of the model", "schemes"), lines)


def _table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    rule = tuple("---" for _ in head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))


_INTRODUCTION = f"""# Quantization

Made by `{COMMAND}`; edit `scripts/bench/quantization.py`, not this page.

The weights of linear layers can be kept in fewer bits than the 16 they are computed in. Each model
has a default; `QUANTIZATION` overrides it with a name below, or with `auto`. `GET /info` and the
log say which scheme was used and why."""

_SCHEMES = """## The schemes

- **`none`**: bfloat16, as published.
  Two bytes a parameter, no error but that of the format.
- **`fp8`**: float8 (e4m3) with a scale for each row, computed in bfloat16. Any device.
  Half the memory; each layer is unpacked at every call, so it is a little slower than `none`.
- **`fp8_compute`**: float8 with one scale for each weight, inputs cast at every call, multiplied
  by the GPU's float8 units. Compute capability 8.9 and newer (Ada, Hopper, Blackwell).
  Half the memory, and the one scheme that is meant to be faster than `none`.
- **`nf4`**: 4-bit normal float in blocks of 64, double quantization (bitsandbytes), computed in
  bfloat16. Any device.
  A quarter of the memory, at three times the error of `fp8`.
- **`nvfp4`**: 4-bit float in blocks of 16 with float8 scales (torchao), weights only. Experimental:
  no Blackwell has run it here. Any device.
  For memory, not speed: a weight is unpacked through float32 at every call, in working memory of
  about 30 bytes for each of its parameters (2 GB for the largest layer of Wan 14B). LTX-2 gains
  nothing from it: a third of the model is cross attention and stays, so it ends up above `fp8`.
- **`auto`**: `fp8_compute` where the GPU has float8 units, else the model's default."""

_OWED = """## Owed

Figures from a GPU: seconds a step under each scheme, and `fp8_compute` and `nvfp4` on the hardware
that they are for. Errors of single blocks with random weights rank schemes; they do not say how a
video looks."""
