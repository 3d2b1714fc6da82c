"""Every model makes a video under every scheme that a CPU can run, and again from the cache."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from common.contract import LoadOptions, LoadReport, Phase, Quantization
from common.contract.finding import load_spec
from common.kinds.video.requests import GenerateRequest
from common.runtime.scheme_choice import runnable_schemes
from scripts.tiny import hunyuan as tiny_hunyuan
from scripts.tiny import ltx2 as tiny_ltx2
from scripts.tiny import magi1 as tiny_magi1
from scripts.tiny import wan21 as tiny_wan21
from scripts.tiny import waver as tiny_waver
from tests.formats import on_cpu
from tests.resolving import resolve

pytestmark = pytest.mark.slow

SCHEMES = [scheme for scheme, why in runnable_schemes(torch.device("cpu")).items() if why is None]
BUILDERS = {
    "hunyuan": tiny_hunyuan.build,
    "ltx2": tiny_ltx2.build,
    "magi1": tiny_magi1.build,
    "wan21": tiny_wan21.build_2_1,
    "waver": tiny_waver.build,
}
ASKED = {
    "hunyuan": {"num_frames": 5, "num_inference_steps": 4},
    "ltx2": {"num_frames": 9, "num_inference_steps": 2},
    "magi1": {"num_frames": 24, "num_inference_steps": 8},
    "wan21": {"num_frames": 9, "num_inference_steps": 2},
    "waver": {"num_frames": 9, "num_inference_steps": 2},
}
"""The shortest video, or nearly: MAGI-1 is distilled to 8 steps and works in chunks of 24."""


class Context:
    """A job that nobody calls back."""

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
        picture()  # it must not change the video

    def raise_if_cancelled(self) -> None:
        pass


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {model: build(folder)[0] for model, build in BUILDERS.items()}


def frames(model: str, checkpoint: Path, options: LoadOptions) -> np.ndarray:
    spec = load_spec(f"{model}.model_config:SPEC")
    asked = GenerateRequest.model_validate(
        {"prompt": "a cat", "resolution": "128x128", "seed": 1, **ASKED[model]}
    )
    request = resolve(asked, spec, spec.variants[0]).request
    clip = spec.generate(spec.load(checkpoint, options), request, Context())
    return np.concatenate(list(clip.frames))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("model", BUILDERS)
def test_a_video_is_made_and_made_again_from_the_cache(
    checkpoints: dict[str, Path], tmp_path: Path, model: str, scheme: Quantization
):
    reports: list[LoadReport] = []
    options = on_cpu(
        quantization=scheme,
        cache_dir=tmp_path,
        cache_max_bytes=2**30,
        on_report=reports.append,
    )
    first, second = (frames(model, checkpoints[model], options) for _ in range(2))
    assert first.shape == (ASKED[model]["num_frames"], 128, 128, 3)
    np.testing.assert_array_equal(first, second)
    assert [report.from_cache for report in reports] == [False, scheme is not Quantization.NONE]
    assert {report.quantization for report in reports} == {scheme}
