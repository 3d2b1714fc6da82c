"""A colour that no training showed is learnt from 24 clips, and the others stay as they were."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.shapes.asking import Asked, Wish, ask, share
from scripts.shapes.captions import english
from scripts.shapes.scenes import TRAINED, Colour, Direction, Scene, Shape
from scripts.shapes.weights import REPOSITORIES
from tests.integration.test_models import serving
from tests.integration.test_trainer import accepted
from tests.live import LiveService
from tests.meaning.conftest import LEARNT, MODEL
from tests.sets import of_colour, with_captions

pytestmark = pytest.mark.slow
TRAINING: dict[str, Any] = {
    "name": "orange",
    "rank": 8,
    "steps": 400,
    "learning_rate": 2e-3,
    "num_inference_steps": 20,
    "guidance_scale": 2,
    "validation_prompt": "an orange circle moves to the left",
    "prior_prompts": "\n".join(
        english(Scene(shape, colour, way))
        for shape, colour, way in zip([*Shape] * 3, [*TRAINED] * 2, [*Direction] * 2, strict=False)
    ),
    "seed": 1,
}
"""Learnt from orange alone, everything would be orange: what is to stay is said."""
ORANGE = [
    Scene(shape, Colour.ORANGE, way)
    for shape, way in zip([*Shape, *Shape, *Shape], [*Direction, *Direction], strict=False)
][:10]
OTHERS = [
    Scene(shape, colour, way)
    for shape, colour, way in zip([*Shape] * 5, [*TRAINED] * 3, [*Direction] * 2, strict=False)
]


@pytest.fixture(scope="module")
def orange(models: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The LoRA's name, where the service looks for it."""
    folder = tmp_path_factory.mktemp("training")
    clips = with_captions(of_colour(Colour.ORANGE, 24), folder)
    checkpoint = REPOSITORIES[MODEL]
    with serving("trainer", models, folder, checkpoint=checkpoint, quantization="none") as trainer:
        job = trainer.wait_for(accepted(trainer, clips, TRAINING), "completed", timeout=900)
        learnt = trainer.client.get(job["links"]["download"]).content
    (models / "loras").mkdir(exist_ok=True)
    (models / "loras" / "orange.safetensors").write_bytes(learnt)
    return "orange"


def made(
    service: LiveService, scenes: Sequence[Scene], lora: str | None, strength: float = 1
) -> list[Asked]:
    loras = [] if lora is None else [{"name": lora, "strength": strength}]
    wanted = [Wish(scene, english(scene), seed) for seed, scene in enumerate(scenes)]
    return list(ask(service.url, wanted, loras=loras))


def test_it_is_learnt_and_the_others_stay(waver: LiveService, orange: str):
    (told,) = waver.get("/loras")["loras"]
    assert (told["name"], told["rank"], told["base"]) == (orange, 8, REPOSITORIES[MODEL])
    with_it = made(waver, ORANGE, orange)
    print("orange", share(with_it, "colour"))
    assert share(with_it, "colour") >= 0.9, [str(each.found) for each in with_it]
    before, after = made(waver, OTHERS, None), made(waver, OTHERS, orange)
    for part in LEARNT:
        print(part, share(before, part), share(after, part))
        assert share(after, part) >= share(before, part) - 0.05, [str(each.found) for each in after]
    again = made(waver, OTHERS[:3], None)
    for one, other in zip(before, again, strict=False):
        assert np.array_equal(one.frames, other.frames), "it left something behind"


def test_a_strength_of_nothing_is_without_it(waver: LiveService, orange: str):
    (without,), (none,), (half,), (whole,) = (
        made(waver, ORANGE[:1], *use) for use in ((None,), (orange, 0), (orange, 0.5), (orange, 1))
    )
    assert np.array_equal(without.frames, none.frames)
    assert not np.array_equal(half.frames, none.frames)
    assert not np.array_equal(half.frames, whole.frames)
    assert _redness(none) != _redness(whole)


def _redness(asked: Asked) -> float:
    return float(asked.frames[..., 0].mean())
