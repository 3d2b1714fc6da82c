"""Runs a recorded case of the official MAGI-1 code through ours, and measures how far they differ.

A case is a folder with ``config.json``, ``model.safetensors``, ``inputs.safetensors``,
``outputs.safetensors`` and ``calls.json``. Nothing here knows one case from another.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from magi1 import checkpoint
from magi1.configuration import MagiConfig
from magi1.guidance import Call
from magi1.sampler import Captions, MagiSampler, count_chunks, given_noise
from magi1.special_tokens import Prompt, SpecialTokens

COMMITTED = Path(__file__).parent / "parity" / "magi1"
TOLERANCE = 1e-4
_TOKENS = "special_tokens.npz"


def case_folders() -> list[Path]:
    """Every case below ``MAGI1_PARITY_DIR``; by default those of the repository."""
    root = Path(os.environ.get("MAGI1_PARITY_DIR", COMMITTED))
    found = sorted(path.parent for path in root.rglob("outputs.safetensors"))
    assert found, f"no cases below {root}"
    return found


@dataclass
class Differences:
    """Largest absolute differences, by what was compared; ``wrong`` lists whatever else differs."""

    largest: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def compare(self, name: str, ours: torch.Tensor, official: torch.Tensor) -> None:
        if ours.shape != official.shape:
            self.wrong.append(f"{name} is {tuple(ours.shape)}, not {tuple(official.shape)}")
            return
        self.largest[name] = float((ours - official).abs().max())

    def equal(self, name: str, ours: Any, official: Any) -> None:
        if ours != official:
            self.wrong.append(f"{name} is {ours}, not {official}")

    @property
    def worst(self) -> float:
        return max(self.largest.values())

    @property
    def agrees(self) -> bool:
        # NaN is no agreement.
        return not self.wrong and all(value <= TOLERANCE for value in self.largest.values())


def run_case(folder: Path) -> Differences:
    """Sample the case and compare every call and every chunk that was recorded."""
    raw = json.loads((folder / "config.json").read_text())
    model, config = checkpoint.load(folder, dtype=torch.float32)
    inputs = load_file(folder / "inputs.safetensors")
    official = load_file(folder / "outputs.safetensors")
    calls = json.loads((folder / "calls.json").read_text())
    differences = Differences()
    sampler = MagiSampler(
        model,
        config.sampling,
        num_chunks=_num_chunks(raw["runtime_config"], config, inputs.get("prefix_video")),
        noise=given_noise(inputs["noise"], config.sampling.chunk_width),
        captions=Captions(
            [Prompt(inputs["caption_embs"][0, 0], inputs["caption_mask"][0])],
            SpecialTokens.read(_tokens_beside(folder)),
            raw["special_tokens"],
            raw["negative_special_tokens"],
        ),
        prefix=inputs.get("prefix_video"),
    )

    def on_call(done: int, total: int, call: Call, velocity: torch.Tensor) -> None:
        differences.equal("number of calls", total, len(calls))
        _compare_call(done - 1, call, velocity, calls[done - 1], official, differences)

    chunks = list(sampler.chunks(on_call))
    recorded = [name for name in official if name.startswith("chunk_")]
    differences.equal("number of chunks", len(chunks), len(recorded))
    for index, chunk in enumerate(chunks):
        differences.compare(f"chunk_{index}", chunk, official[f"chunk_{index}"])
    compared = {name for name in differences.largest if name.endswith(".velocity")}
    differences.equal("velocities", compared, {n for n in official if n.endswith(".velocity")})
    return differences


def _num_chunks(runtime: dict[str, Any], config: MagiConfig, prefix: torch.Tensor | None) -> int:
    frames = runtime["num_frames"] // runtime.get("temporal_downsample_factor", 4)
    return count_chunks(config.sampling, frames, 0 if prefix is None else prefix.shape[2])


def _tokens_beside(folder: Path) -> Path:
    """The token file of a case: in its folder, in the one above, or the repository's."""
    places = (folder, folder.parent, COMMITTED)
    return next(place / _TOKENS for place in places if (place / _TOKENS).exists())


def _compare_call(
    index: int,
    call: Call,
    velocity: torch.Tensor,
    flags: dict[str, Any],
    official: dict[str, torch.Tensor],
    differences: Differences,
) -> None:
    name, layout = f"call_{index}", call.layout
    differences.equal(f"{name} begins at chunk", layout.first, flags["slice_point"])
    differences.equal(f"{name} has chunks", layout.num_chunks, flags["denoising_range_num"])
    differences.equal(f"{name} refreshes", call.refresh, flags["fwd_extra_1st_chunk"])
    if f"{name}.velocity" not in official:
        return
    patches = call.latents.shape[2:].numel() // 4 // layout.num_chunks
    ranges = [[start * patches, stop * patches] for start, stop in layout.kv_ranges]
    differences.equal(f"{name} kv_range", ranges, official[f"{name}.kv_range"].tolist())
    differences.compare(f"{name}.timestep", call.times, official[f"{name}.timestep"][0])
    differences.compare(f"{name}.x", call.latents, official[f"{name}.x"][:1])
    # The place of a refreshed chunk holds no velocity that anything follows.
    denoised = official[f"{name}.velocity"][:1, :, -velocity.shape[2] :]
    differences.compare(f"{name}.velocity", velocity, denoised)
