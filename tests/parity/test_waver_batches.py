"""Waver's fused batches: a clip does not depend on what it was made with, nor on where."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from common.base.errors import JobCancelled
from common.contract import Phase
from common.contract.fusing import shape_of_batch
from common.kinds.video.resolved import ResolvedRequest
from scripts.tiny import waver as tiny
from tests.formats import on_cpu
from tests.job_contexts import Context
from tests.parity.test_waver import frames_of, request_of
from waver.model_config import SPEC
from waver.pipeline import _latents, generate_batch, load
from waver.variants import T2V_1_3B

PROMPTS = ("A cat walking on a beach", "rain", "A very old man tells a story to three dogs", "x")
TOLERANCE = 2
"""Of 255. In bfloat16 a product may be summed in another order when there are more rows."""


@dataclass
class Batch(Context):
    """Several jobs, none of which is ever cancelled."""

    size: int
    reports: list[tuple[Phase, int, int]] = field(default_factory=list)
    stop_at: tuple[Phase, int] | None = None

    @property
    def clips(self) -> list[Context]:
        return [Context() for _ in range(self.size)]


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The 5B and the 1.3B."""
    snapshots = tiny.build(tmp_path_factory.mktemp("models"))
    return [load(snapshot, on_cpu()) for snapshot in snapshots]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(5)
    for number in range(4):
        pixels = random.integers(0, 256, (100 + number, 170, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


def requests_of(count: int, pictures: Sequence[Path] = (), **fields: Any) -> list[ResolvedRequest]:
    """Requests that differ in all in which they may."""
    return [
        request_of(
            prompt=PROMPTS[number],
            negative_prompt=f"ugly, {'very ' * number}",
            seed=100 + number,
            image=pictures[number] if pictures else None,
            **{"num_frames": 5, "num_inference_steps": 2, **fields},
        )
        for number in range(count)
    ]


def films(pipeline: Any, requests: Sequence[ResolvedRequest]) -> list[NDArray[np.uint8]]:
    assert len({shape_of_batch(SPEC, request) for request in requests}) == 1
    clips = generate_batch(pipeline, requests, Batch(len(requests)))
    return [np.concatenate(list(clip.frames)) for clip in clips]


def difference(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> int:
    assert here.shape == there.shape
    return int(np.abs(here.astype(int) - there.astype(int)).max())


KINDS = {
    "guided": {},
    "unguided": {"guidance_scale": 1.0},
    "apg": {"guidance_scale": 8.0, "options": {"guidance": "apg"}},
    "tagged": {"options": {"style": "anime", "quality": "high"}},
}


@pytest.mark.parametrize("with_pictures", [False, True], ids=["text", "pictures"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_clip_is_what_it_is_alone(
    pipelines: list[Any], pictures: list[Path], kind: str, with_pictures: bool
) -> None:
    requests = requests_of(3, pictures if with_pictures else (), **KINDS[kind])
    alone = [frames_of(pipelines[0], request) for request in requests]
    batch = films(pipelines[0], requests)
    assert [difference(*pair) <= TOLERANCE for pair in zip(alone, batch, strict=True)] == [True] * 3
    assert difference(alone[0], alone[1]) > 10 * TOLERANCE, "else any clip would pass for another"


@pytest.mark.parametrize(
    "with_pictures", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["text", "pictures"]
)
def test_the_order_and_the_company_do_not_matter(
    pipelines: list[Any], pictures: list[Path], with_pictures: bool
) -> None:
    requests = requests_of(4, pictures if with_pictures else ())
    first = frames_of(pipelines[0], requests[0])
    for others in permutations(requests[1:], 2):
        for place in range(3):
            members = [*others[:place], requests[0], *others[place:]]
            assert difference(films(pipelines[0], members)[place], first) <= TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_changes_no_bit(pipelines: list[Any], kind: str) -> None:
    """Of two batches of the same size: then the kernels do the same sums in the same order."""
    requests = requests_of(3, **KINDS[kind])
    here, there = films(pipelines[0], requests), films(pipelines[0], requests[::-1])
    for one, other in zip(here, there[::-1], strict=True):
        assert (one == other).all()


def test_the_1_3b_too(pipelines: list[Any]) -> None:
    requests = requests_of(2, width=64, height=64)
    alone = [frames_of(pipelines[1], request) for request in requests]
    batch = films(pipelines[1], requests)
    assert max(difference(*pair) for pair in zip(alone, batch, strict=True)) <= TOLERANCE
    assert pipelines[1].config.expand_timesteps is False
    assert T2V_1_3B in SPEC.variants


def test_a_picture_stays_with_its_clip(pipelines: list[Any], pictures: list[Path]) -> None:
    requests = requests_of(2, pictures)
    swapped = [
        request.model_copy(update={"image": picture})
        for request, picture in zip(requests, pictures[1::-1], strict=True)
    ]
    here, there = films(pipelines[0], requests), films(pipelines[0], swapped)
    assert all(difference(*pair) > TOLERANCE for pair in zip(here, there, strict=True))


def test_progress_is_that_of_all_and_a_cancel_of_all_leaves(pipelines: list[Any]) -> None:
    context = Batch(2)
    generate_batch(pipelines[0], requests_of(2), context)
    assert context.reports == [
        (Phase.ENCODING_PROMPT, 0, 0),
        (Phase.DENOISING, 1, 2),
        (Phase.DENOISING, 2, 2),
    ]
    with pytest.raises(JobCancelled):
        generate_batch(pipelines[0], requests_of(2), Batch(2, stop_at=(Phase.DENOISING, 1)))


def test_the_noise_is_drawn_for_each(pipelines: list[Any]) -> None:
    requests = requests_of(2, num_inference_steps=1)
    together = _latents(pipelines[0], requests, Context(), [Context()] * 2)
    for request, latents in zip(requests, together.split(1), strict=True):
        alone = _latents(pipelines[0], [request], Context())
        assert torch.allclose(latents, alone, atol=0.05, rtol=0.02)
