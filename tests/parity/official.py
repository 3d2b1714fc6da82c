"""Numbers made by the authors' own code: what a case is, and where the cases lie.

A small set is beside this file; ``OFFICIAL_DIR`` names a folder with all of them.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

CORE = Path(__file__).parent / "official"
FOLDER = Path(os.environ.get("OFFICIAL_DIR") or CORE)


@dataclass(frozen=True)
class Case:
    """``X.json`` says how the authors' code was run; ``X.safetensors`` holds its tensors."""

    path: Path
    """Without a suffix."""

    def __str__(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self._file(".json").read_text())
        return facts

    def tensors(self) -> dict[str, torch.Tensor]:
        return load_file(self._file(".safetensors"))

    def _file(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)  # a name may hold a dot itself

    def weights(self, name: str) -> dict[str, torch.Tensor]:
        """By diffusers' names, from the file ``name`` without what follows it."""
        return load_file(self.path.parent / f"{name}_diffusers.safetensors")


def cases(pattern: str) -> list[Case]:
    """All whose name in the folder matches, like ``ltx2/one_stage_*``; sorted."""
    found = sorted(FOLDER.glob(f"{pattern}.json"))
    return [
        Case(path.with_suffix("")) for path in found if path.with_suffix(".safetensors").exists()
    ]


def facts_of(name: str) -> dict[str, Any]:
    """A file of numbers alone, like ``ltx2/schedule``."""
    return Case(FOLDER / name).facts


def largest_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest absolute difference; NaN, which fails every comparison, where there is one."""
    assert ours.shape == theirs.shape, f"{tuple(ours.shape)} is not {tuple(theirs.shape)}"
    return float((ours.double() - theirs.double()).abs().max())
