"""Puts measured figures into docs/gpu-figures.md: its tables are made here, and nowhere else."""

import json
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "gpu-figures.md"
BEGIN = "<!-- figures: made by `python -m scripts.benchmark gpu --write`, not by hand -->"
END = "<!-- end of figures -->"


def write_figures(folder: Path, document: Path = DOCUMENT) -> None:
    """Replace what stands between the marks in ``document`` by the reports in ``folder``.

    Raises:
        SystemExit: there is no report, or the document has no marks.
    """
    reports = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    if not reports:
        raise SystemExit(f"{folder} holds no figures: scripts/gpu_check.sh puts them there.")
    before, mark, rest = document.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise SystemExit(f"{document} has no place for figures: the line {BEGIN!r}, then {END!r}.")
    document.write_text(f"{before}{BEGIN}\n\n{_section(reports)}\n{END}{after}")


def _section(reports: list[dict[str, Any]]) -> str:
    return "\n".join([_machine(reports[0]["machine"]), "", *map(_table, reports)])


def _machine(machine: dict[str, Any]) -> str:
    packages = ", ".join(
        f"{name} {number}" for name, number in machine["packages"].items() if number
    )
    chip = machine.get("gpu") or machine["cpu"]
    return f"{chip}, {machine['date']}; Python {machine['python']}, {packages}."


def _table(report: dict[str, Any]) -> str:
    rows = ["| | | | goal | |", "|---|---|---|---|---|"]
    for figure in report["figures"]:
        goal = figure["goal"]
        sign = "" if goal is None else f"{'≤' if goal['kind'] == 'most' else '≥'} {goal['at']:g}"
        value = f"{figure['value']:.4g} {figure['unit']}"
        cells = (figure["group"], figure["name"], value, f"{sign} {figure['verdict']}".strip())
        rows.append(f"| {' | '.join(cells)} | {figure['note']} |")
    return "\n".join([*rows, ""])
