"""The check for a machine with a GPU, as far as it goes without one."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.bench.gpu_models import FEW_BLOCKS, subjects
from scripts.bench.gpu_write import BEGIN, DOCUMENT, END, write_figures
from scripts.bench.report import Goal, Report
from tests.live import ROOT

STEPS = ("tests", "wan21", "decoding", "fraction", "ltx2", "load", "offload", "nvenc", "write")


def check(python: Path, out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A dry run with ``python`` in place of Python."""
    return subprocess.run(
        [ROOT / "scripts" / "gpu_check.sh", "--dry", str(out)],
        env={**os.environ, "PYTHON": str(python), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def program(path: Path, lines: str) -> Path:
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return path


def test_a_step_that_fails_costs_itself_alone(tmp_path: Path):
    python = program(tmp_path / "python", 'case "$*" in *"--only decoding"*) exit 3 ;; esac')
    done = check(python, tmp_path / "out")
    assert done.returncode == 1
    told = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert tuple(name for name in told if name in STEPS) == STEPS
    assert {name for name in STEPS if not told[name].startswith("done")} == {"decoding"}


def test_nothing_is_begun_when_the_time_is_over(tmp_path: Path):
    done = check(program(tmp_path / "python", "exit 0"), tmp_path / "out", SECONDS_IN_ALL="0")
    assert done.returncode == 1
    assert done.stdout.count("left out, the time is over") == len(STEPS)


def test_its_limits_come_to_no_more_than_eight_minutes():
    text = (ROOT / "scripts" / "gpu_check.sh").read_text()
    limits = [int(seconds) for seconds in re.findall(r"^  (?:step|bench) \w+ (\d+) ", text, re.M)]
    assert len(limits) == len(STEPS)
    assert int(re.findall(r"SECONDS_IN_ALL:-(\d+)", text)[0]) <= 8 * 60


def test_every_wheel_that_is_packed_has_its_version():
    text = (ROOT / "scripts" / "pack_gpu.sh").read_text()
    names = re.findall(r"names=\((.*?)\)", text, re.S)[0].split()
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.split("==")[0].lower() for line in lines}
    assert "diffusers" in names
    assert [name for name in names if name.lower() not in pinned] == []


def a_report(folder: Path) -> None:
    report = Report("chip")
    report.add("decoding", "bfloat16", 1.25, "s", Goal(2), "of one video")
    (folder / "decoding.json").write_text(json.dumps(report.as_json()))


def test_figures_replace_those_between_the_marks(tmp_path: Path):
    document = tmp_path / "figures.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    a_report(tmp_path)
    write_figures(tmp_path, document)
    write_figures(tmp_path, document)
    text = document.read_text()
    assert "| decoding | bfloat16 | 1.25 s | ≤ 2 ok | of one video |" in text
    assert text.count("bfloat16") == 1
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


def test_a_document_without_marks_or_a_folder_without_figures_is_refused(tmp_path: Path):
    document = tmp_path / "figures.md"
    document.write_text("nothing\n")
    with pytest.raises(SystemExit, match="holds no figures"):
        write_figures(tmp_path, document)
    a_report(tmp_path)
    with pytest.raises(SystemExit, match="no place for figures"):
        write_figures(tmp_path, document)
    assert document.read_text() == "nothing\n"


def test_our_page_has_a_place_for_them():
    assert DOCUMENT.read_text().count(BEGIN) == DOCUMENT.read_text().count(END) == 1


def test_a_check_has_the_real_widths_and_few_blocks():
    torch = pytest.importorskip("torch")
    for few, whole in zip(subjects("check"), subjects("full"), strict=False):
        with torch.device("meta"):
            parts: list[Any] = [few.build(), whole.build()]
        shapes = [{n: p.shape for n, p in part.named_parameters()} for part in parts]
        assert shapes[0].items() <= shapes[1].items()
        assert parts[0].config.num_layers == FEW_BLOCKS
