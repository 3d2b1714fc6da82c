"""MAGI-1's promise for long videos, by counting: what is held, and what the first frames cost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pytest
from numpy.typing import NDArray

from common.contract import Phase
from common.kinds.video.resolved import ResolvedRequest
from magi1 import pipeline as magi1
from magi1 import sampler
from magi1.estimates import CACHED_CHUNKS, CHUNK_FRAMES, CHUNKS_AT_ONCE
from scripts.tiny import magi1 as tiny
from tests.formats import on_cpu

LAYERS = 2
STEPS = 8
LENGTHS = (1, 4, 16, 600)


class Uncancelled:
    """A job that nobody watches."""

    def progress(
        self,
        phase: Phase,
        step: int = 0,
        steps: int = 0,
        *,
        chunk: int = 0,
        chunks: int = 0,
        loss: float | None = None,
    ) -> None:
        pass

    def preview(self, step: int, picture: Callable[[], object]) -> None:
        pass

    def raise_if_cancelled(self) -> None:
        pass


@dataclass(frozen=True)
class Held:
    """What a video holds after a call of the transformer."""

    latents: int
    chunks: int
    entries: int


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> magi1.MagiPipeline:
    folder = tmp_path_factory.mktemp("magi1")
    tiny.save(folder, tiny.Geometry(layers=LAYERS))
    return magi1.load(folder / "ckpt" / "magi" / "4.5B_distill", on_cpu())


def frames_of(pipeline: magi1.MagiPipeline, chunks: int) -> Iterator[NDArray[np.uint8]]:
    request = ResolvedRequest(
        prompt="a cat",
        negative_prompt="",
        width=32,
        height=32,
        num_frames=chunks * CHUNK_FRAMES,
        fps=24,
        seed=1,
        num_inference_steps=STEPS,
        guidance_scale=1,
    )
    return magi1.generate(pipeline, request, Uncancelled()).frames


@pytest.mark.parametrize("chunks", LENGTHS)
def test_the_first_frames_cost_the_same_in_a_video_of_any_length(
    pipeline: magi1.MagiPipeline, chunks: int
) -> None:
    calls: list[int] = []
    hook = pipeline.transformer.register_forward_hook(lambda *_: calls.append(1))
    first = next(frames_of(pipeline, chunks))
    hook.remove()
    assert first.shape == (CHUNK_FRAMES, 32, 32, 3)
    assert len(calls) == STEPS


def test_a_later_chunk_costs_a_quarter_of_its_steps(pipeline: magi1.MagiPipeline) -> None:
    calls: list[int] = []
    hook = pipeline.transformer.register_forward_hook(lambda *_: calls.append(1))
    counts = [len(calls) for _ in islice(frames_of(pipeline, 600), 6)]
    hook.remove()
    assert counts == [STEPS + STEPS // 4 * later for later in range(6)]


def held_over(
    pipeline: magi1.MagiPipeline, monkeypatch: pytest.MonkeyPatch, chunks: int
) -> list[Held]:
    """After every call; the state is the sampler's own."""
    states: list[sampler._State] = []
    made = sampler._State
    monkeypatch.setattr(sampler, "_State", lambda: states.append(made()) or states[-1])
    held: list[Held] = []

    def look(*_: object) -> None:
        (state,) = states
        entries = sum(len(layers) for layers in state.cache._chunks.values())
        held.append(Held(len(state.latents), len(state.cache.chunks), entries))

    hook = pipeline.transformer.register_forward_hook(look)
    assert sum(len(frames) for frames in frames_of(pipeline, chunks)) == chunks * CHUNK_FRAMES
    hook.remove()
    return held


@pytest.mark.parametrize("chunks", [5, 16, 64])
def test_what_is_held_stays_below_a_bound_that_knows_no_length(
    pipeline: magi1.MagiPipeline, monkeypatch: pytest.MonkeyPatch, chunks: int
) -> None:
    held = held_over(pipeline, monkeypatch, chunks)
    assert len(held) == (chunks + 3) * STEPS // 4, "every call was looked at"
    assert max(one.latents for one in held) == CHUNKS_AT_ONCE
    assert max(one.chunks for one in held) <= CACHED_CHUNKS
    assert max(one.entries for one in held) <= CACHED_CHUNKS * LAYERS
    assert any(one.entries for one in held)
