"""Figures, their goals, and the table and the JSON that they end in."""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import psutil

PACKAGES = ("torch", "diffusers", "fastapi", "uvicorn", "pydantic", "sqlalchemy")


@dataclass(frozen=True)
class Goal:
    """``at`` is allowed, beyond it falls short."""

    at: float
    kind: Literal["most", "least"] = "most"

    def met_by(self, value: float) -> bool:
        """Whether ``value`` is good enough."""
        return value <= self.at if self.kind == "most" else value >= self.at


@dataclass(frozen=True)
class Figure:
    """One number, what it should be, and what explains it."""

    group: str
    name: str
    value: float
    unit: str
    goal: Goal | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """``ok``, ``short``, or nothing where there is no goal."""
        if self.goal is None:
            return ""
        return "ok" if self.goal.met_by(self.value) else "short"


@dataclass
class Report:
    """Figures as they come; each is told at once, since a run takes minutes."""

    name: str
    figures: list[Figure] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    def heading(self, text: str) -> None:
        """What is measured now."""
        print(f"\n{text}", flush=True)

    def add(
        self,
        group: str,
        name: str,
        value: float,
        unit: str,
        goal: Goal | None = None,
        note: str = "",
    ) -> None:
        """Note a figure."""
        figure = Figure(group, name, value, unit, goal, note)
        self.figures.append(figure)
        print("  " + "  ".join(row_of(figure)).rstrip(), flush=True)

    @property
    def goals_met(self) -> bool:
        """Whether nothing fell short."""
        return all(figure.verdict != "short" for figure in self.figures)

    def finish(self, path: Path | None) -> None:
        """Print the whole table; write the numbers to ``path``."""
        print(f"\n{table(self.figures)}\n\n{_facts_line(machine())}")
        print(f"{time.monotonic() - self._started:.0f} s in all.")
        if path is not None:
            path.write_text(json.dumps(self.as_json(), indent=2) + "\n")

    def as_json(self) -> dict[str, Any]:
        """Everything, for machines."""
        figures = [{**asdict(figure), "verdict": figure.verdict} for figure in self.figures]
        return {"benchmark": self.name, "machine": machine(), "figures": figures}


def table(figures: Sequence[Figure]) -> str:
    """Columns, aligned."""
    if not figures:
        return "Nothing was measured."
    rows = [("", "", "", "goal", "", ""), *map(row_of, figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def row_of(figure: Figure) -> tuple[str, ...]:
    """Group, name, value with unit, goal, verdict, note."""
    goal = ""
    if figure.goal is not None:
        sign = "<=" if figure.goal.kind == "most" else ">="
        goal = f"{sign} {figure.goal.at:g}"
    value = f"{figure.value:.4g} {figure.unit}"
    return (figure.group, figure.name, value, goal, figure.verdict, figure.note)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that ``percent`` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpus": len(os.sched_getaffinity(0)),
        "cpu": _cpu_name(),
        "gpu": _gpu_name(),
        "architecture": platform.machine(),
        "memory_bytes": psutil.virtual_memory().total,
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _facts_line(facts: dict[str, Any]) -> str:
    memory = facts["memory_bytes"] / 2**30
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items() if number)
    return (
        f"{facts['cpus']} CPUs ({facts['cpu']}, {facts['architecture']}), {memory:.0f} GiB, "
        f"load {facts['load_average'][0]}; Python {facts['python']}, {packages}; {facts['date']}"
    )


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "CPU"


def _gpu_name() -> str | None:
    """Of what was measured on; None where nobody has asked torch for one."""
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
