"""However a video is made, it shows what it was asked for."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from common.contract import Quantization
from common.contract.finding import load_spec
from common.kinds.video.requests import GenerateRequest
from common.runtime.scheme_choice import runnable_schemes
from scripts.shapes.asking import PLAIN, Wish, ask, share
from scripts.shapes.captions import english
from scripts.shapes.look import look
from scripts.shapes.obeys import wishes
from scripts.shapes.scenes import Scene
from scripts.shapes.weights import REPOSITORIES, install
from tests.formats import on_cpu
from tests.integration.test_models import serving
from tests.job_contexts import Context
from tests.meaning.conftest import LEARNT, MODEL, SIX
from tests.resolving import resolve
from tests.seldom import seldom

SCHEMES = [
    scheme
    for scheme, why in runnable_schemes(torch.device("cpu")).items()
    if why is None and scheme is not Quantization.NONE
]
POINTS = 3
"""Of a hundred."""


@pytest.mark.slow
def test_jobs_that_are_made_together_obey_like_single_ones(models: Path, tmp_path: Path):
    wanted = [Wish(scene, english(scene), seed) for seed, scene in enumerate(SIX)]
    with serving(MODEL, models, tmp_path, quantization="none", fused_batch=8) as service:
        asked = list(ask(service.url, wanted))
        fused = {row[0] for row in service.query("SELECT fused FROM jobs")}
    assert max(each or 0 for each in fused) > 1
    assert share(asked, *LEARNT) >= 5 / 6


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_quantized_weights_obey_as_well(models: Path, tmp_path: Path, scheme: Quantization):
    wanted, rates = wishes(english, seeds=2), {}
    for each in (Quantization.NONE, scheme):
        folder = tmp_path / each
        with serving(MODEL, models, folder, quantization=each, max_queue=500) as service:
            asked = list(ask(service.url, wanted))
        rates[each] = sum(share(asked, part) for part in LEARNT) / len(LEARNT)
    assert rates[scheme] >= rates[Quantization.NONE] - POINTS / 100


class Watching(Context):
    """A job's context that keeps the last preview."""

    picture: NDArray[np.uint8] | None = None

    def preview(self, step: int, picture: Callable[[], NDArray[np.uint8]]) -> None:
        self.picture = picture()


@pytest.mark.parametrize("scene", seldom(SIX[:3]), ids=english)
def test_a_preview_shows_the_shape_where_the_video_has_it(models: Path, scene: Scene):
    spec = load_spec(f"{MODEL}.model_config:SPEC")
    pipeline = spec.load(install(MODEL, models), on_cpu(quantization=Quantization.NONE))
    asked = GenerateRequest.model_validate({**PLAIN, "prompt": english(scene), "seed": 1})
    watching = Watching()
    clip = spec.generate(pipeline, resolve(asked, spec, spec.variants[0]).request, watching)
    frames = np.concatenate(list(clip.frames))
    middle = look(frames[len(frames) // 2 :][:1])
    assert middle is not None
    assert watching.picture is not None
    shown = look(cv2.resize(watching.picture, (128, 128), interpolation=cv2.INTER_NEAREST)[None])
    assert shown is not None
    assert np.hypot(*(shown.centres[0] - middle.centres[0])) < 12, "within a latent"
    assert shown.colour is scene.colour


def test_the_weights_are_for_the_checkpoint_that_is_published():
    assert REPOSITORIES[MODEL] == load_spec(f"{MODEL}.model_config:SPEC").variants[0].checkpoint
