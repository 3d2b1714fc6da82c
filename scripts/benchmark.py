"""Measurements. ``python -m scripts.benchmark service`` needs no GPU: tiny random weights."""

import argparse
import sys
from pathlib import Path

from scripts.bench import (
    batch,
    gpu,
    load,
    magi1,
    memory,
    quantization,
    service,
    stack,
    start,
    streams,
)
from scripts.bench.report import Report

MODULES = {
    "service": service,
    "start": start,
    "stack": stack,
    "streams": streams,
    "load": load,
    "quantization": quantization,
    "magi1": magi1,
    "memory": memory,
    "batch": batch,
    "gpu": gpu,
}


def main() -> int:
    """Measure; 0 whatever comes out, since a benchmark is not a test, unless it says otherwise."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="WHAT")
    for name, module in MODULES.items():
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
