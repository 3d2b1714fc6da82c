"""The parity check of MAGI-1 can fail: each part that it is there to watch turns it red."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch

from magi1 import attention, guidance, transformer
from magi1.attention import ChunkLayout
from magi1.kv_cache import KVCache
from magi1.rope import MagiRotaryEmbedding
from magi1.schedule import ChunkSchedule, Step
from magi1.special_tokens import DEFAULT, Prompt, SpecialTokens
from tests.magi1_cases import COMMITTED, TOLERANCE, run_case

Patch = pytest.MonkeyPatch


def error_of(case: str) -> float:
    return run_case(COMMITTED / case).worst


def test_whole_it_agrees() -> None:
    assert run_case(COMMITTED / "base_i2v").agrees
    assert run_case(COMMITTED / "distill_t2v").agrees


def test_head_permutation(monkeypatch: Patch) -> None:
    def side_by_side(own: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        return torch.cat([own, text], dim=-1)

    monkeypatch.setattr(attention, "interleave_heads", side_by_side)
    assert error_of("base_i2v") > TOLERANCE


def shortened(whole: Callable[[ChunkSchedule, Step], ChunkLayout]) -> Callable[..., ChunkLayout]:
    def layout(schedule: ChunkSchedule, step: Step) -> ChunkLayout:
        right = whole(schedule, step)
        ranges = tuple((min(start + 1, stop - 1), stop) for start, stop in right.kv_ranges)
        return replace(right, kv_ranges=ranges)

    return layout


def test_kv_range(monkeypatch: Patch) -> None:
    monkeypatch.setattr(ChunkSchedule, "layout", shortened(ChunkSchedule.layout))
    differences = run_case(COMMITTED / "base_t2v")
    assert any("kv_range" in line for line in differences.wrong)
    assert differences.worst > TOLERANCE
    assert not differences.agrees


def test_refresh_of_a_clean_chunk(monkeypatch: Patch) -> None:
    """Its keys as they were in its last noisy step would be another video."""
    kept: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = {}
    write = KVCache.write

    def noisy(
        self: KVCache, layer: int, chunk: int, keys: torch.Tensor, values: torch.Tensor
    ) -> None:
        write(self, layer, chunk, *kept.setdefault((layer, chunk), (keys * 0.9, values * 0.9)))

    monkeypatch.setattr(KVCache, "write", noisy)
    assert error_of("base_t2v") > TOLERANCE


def test_special_tokens_behind_the_caption(monkeypatch: Patch) -> None:
    """Cross-attention knows no positions: it matters who is cut off, not who comes first."""

    def append(
        self: SpecialTokens,
        names: Sequence[str],
        prompt: Prompt,
        max_length: int,
        chunks_left: int = 1,
    ) -> torch.Tensor:
        tokens = [self._token(name, chunks_left).to(prompt.embeds) for name in names]
        mask = torch.cat([prompt.mask.bool(), torch.ones(len(tokens), dtype=torch.bool)])
        return torch.cat([prompt.embeds, *tokens])[:max_length][mask[:max_length]]

    monkeypatch.setattr(SpecialTokens, "prepend", append)
    assert error_of("base_t2v") > TOLERANCE


def test_special_tokens_in_order() -> None:
    """Where the numbers cannot tell, the caption itself is looked at: [duration, HQ, text]."""
    tokens = SpecialTokens.read(COMMITTED / "special_tokens.npz")
    text = torch.full((3, 64), 7.0)
    caption = tokens.prepend(DEFAULT, Prompt(text, torch.ones(3)), max_length=4, chunks_left=2)
    first, second = tokens._token("DURATION_TOKEN_2", 1), tokens._token("HQ_TOKEN", 1)
    assert torch.equal(caption, torch.cat([first.float(), second.float(), text[:2]]))


def test_special_tokens_counting_down(monkeypatch: Patch) -> None:
    token = SpecialTokens._token

    def counting_up(self: SpecialTokens, name: str, chunks_left: int) -> torch.Tensor:
        return token(self, name, 7 - chunks_left)

    monkeypatch.setattr(SpecialTokens, "_token", counting_up)
    assert error_of("base_t2v") > TOLERANCE


def test_guidance_of_three_passes(monkeypatch: Patch) -> None:
    monkeypatch.setattr(guidance, "_scales", lambda _config, _time: (1.5, 7.4))
    assert error_of("base_t2v") > TOLERANCE


def test_guidance_of_one_pass(monkeypatch: Patch) -> None:
    monkeypatch.setattr(guidance, "mix_past", lambda past, alone: 0.69 * past + 0.31 * alone)
    assert error_of("distill_t2v") > TOLERANCE


def test_steps_of_a_distilled_model(monkeypatch: Patch) -> None:
    monkeypatch.setattr(ChunkSchedule, "step_size", lambda _self, _substep: 4.0)
    assert error_of("distill_t2v") > TOLERANCE


def test_gates(monkeypatch: Patch) -> None:
    monkeypatch.setattr(transformer, "softcap", lambda x: x)
    assert error_of("base_t2v") > TOLERANCE


def test_positions(monkeypatch: Patch) -> None:
    forward = MagiRotaryEmbedding.forward
    monkeypatch.setattr(
        MagiRotaryEmbedding,
        "forward",
        lambda self, first, frames, height, width: forward(self, first, frames, width, height),
    )
    assert error_of("base_t2v") > TOLERANCE
