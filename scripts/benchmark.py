"""Measurements. ``python -m scripts.benchmark service`` needs no GPU: tiny random weights."""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from scripts.bench.report import Report

MODULES = (
    "service",
    "start",
    "stack",
    "streams",
    "growth",
    "hostile",
    "load",
    "quantization",
    "magi1",
    "signing",
    "listening",
    "memory",
    "batch",
    "gpu",
    "chip",
)
"""Of ``scripts.bench``, by the names of their commands."""


def main() -> int:
    """Measure; 0 whatever comes out, since a benchmark is not a test, unless it says otherwise."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="WHAT")
    # One machine need not have what another's benchmark wants: only what is asked for is imported.
    for name in [sys.argv[1]] if set(sys.argv[1:2]) & set(MODULES) else MODULES:
        module = import_module(f"scripts.bench.{name}")
        command = commands.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        command.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
        module.add_arguments(command)
        command.set_defaults(run=module.run, name=name)
    args = parser.parse_args()
    report = Report(args.name)
    try:
        status: int | None = args.run(args, report)
    finally:  # what was measured before a failure took minutes, too
        report.finish(args.json)
    return status or 0


if __name__ == "__main__":
    sys.exit(main())
