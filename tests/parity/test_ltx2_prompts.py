"""Prompt help of LTX-2: what its Gemma writes, against diffusers' own call on the same weights."""

from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
from diffusers import LTX2Pipeline
from diffusers.pipelines.ltx2.utils import I2V_DEFAULT_SYSTEM_PROMPT, T2V_DEFAULT_SYSTEM_PROMPT
from PIL import Image
from transformers import Gemma3ImageProcessor, Gemma3Processor

from common.base.errors import JobCancelled
from common.contract import Phase, Prepared
from common.kinds.video import ResolvedRequest
from common.runtime.images import open_image
from ltx2 import enhancing
from ltx2.denoising import Ltx2
from ltx2.model_config import SPEC
from scripts.tiny import ltx2 as tiny
from scripts.tiny.gemma import IMAGE_SIDE
from tests.formats import on_cpu
from tests.job_contexts import Context
from tests.parity.bare import bare as bare_by_library

LTX_2, LTX_2_3 = "Lightricks/LTX-2", "diffusers/LTX-2.3-Diffusers"


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = tiny.build(tmp_path_factory.mktemp("models"))
    return dict(zip(tiny.RECIPES, folders, strict=True))


@pytest.fixture(scope="module")
def models(snapshots: dict[str, Path]) -> dict[str, Ltx2]:
    return {name: SPEC.load(snapshots[name], on_cpu()) for name in (LTX_2, LTX_2_3)}


@pytest.fixture
def model(models: dict[str, Ltx2]) -> Ltx2:
    return models[LTX_2]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "start.png"
    noise = np.random.default_rng(1).integers(0, 256, (18, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def a_request(**fields: Any) -> ResolvedRequest:
    values: dict[str, Any] = {
        "prompt": "A cat on a beach",
        "negative_prompt": "",
        "width": 96,
        "height": 64,
        "num_frames": 9,
        "fps": 24.0,
        "seed": 7,
        "num_inference_steps": 1,
        "guidance_scale": 1.0,
        "enhance_prompt": True,
    }
    return ResolvedRequest(**{**values, **fields})


def prepared(model: Ltx2, request: ResolvedRequest, context: Context | None = None) -> Prepared:
    assert SPEC.prepare is not None
    outcome = SPEC.prepare(model, request, context or Context())
    assert outcome is not None
    return outcome


def words(model: Ltx2, **fields: Any) -> str:
    return str(prepared(model, a_request(**fields)).changes["enhanced_prompt"])


def bare(folder: Path, request: ResolvedRequest) -> str:
    """diffusers' own call; where a repository lists no processor, Gemma's over its tokenizer."""
    pipeline = bare_by_library(LTX2Pipeline, folder)
    if pipeline.processor is None:
        pictures = Gemma3ImageProcessor(size={"height": IMAGE_SIDE, "width": IMAGE_SIDE})
        processor = Gemma3Processor(pictures, pipeline.tokenizer, image_seq_length=1)
        pipeline.register_modules(processor=processor)
    image = None if request.image is None else open_image(request.image)
    system = T2V_DEFAULT_SYSTEM_PROMPT if image is None else I2V_DEFAULT_SYSTEM_PROMPT
    (text,) = pipeline.enhance_prompt(request.prompt, system, seed=request.seed, image=image)
    return str(text)


@pytest.mark.parametrize("name", [LTX_2, LTX_2_3])
def test_it_writes_what_diffusers_does(
    name: str, models: dict[str, Ltx2], snapshots: dict[str, Path]
):
    assert words(models[name]) == bare(snapshots[name], a_request())


def test_of_a_picture_too(model: Ltx2, snapshots: dict[str, Path], picture: Path):
    ours = words(model, image=picture)
    assert ours == bare(snapshots[LTX_2], a_request(image=picture))
    assert ours != words(model)


def test_by_the_seed_of_the_job(model: Ltx2):
    assert words(model) == words(model)
    assert words(model) != words(model, seed=8)


def test_what_nobody_asked_for_or_is_there_already_is_left(model: Ltx2):
    assert SPEC.prepare is not None
    for request in (a_request(enhance_prompt=False), a_request(enhanced_prompt="A cat, lit")):
        assert SPEC.prepare(model, request, Context()) is None


def test_it_tells_of_each_token_and_stops_between_two(model: Ltx2):
    context = Context(stop_at=(Phase.ENCODING_PROMPT, 3))
    with pytest.raises(JobCancelled):
        prepared(model, a_request(), context)
    assert context.reports == [(Phase.ENCODING_PROMPT, n, 512 if n else 0) for n in range(4)]


@pytest.mark.parametrize("text", ["", " \n", "A cat\x00", "A \udcff cat"], ids=ascii)
def test_words_that_are_none_leave_the_prompt(text: str):
    outcome = enhancing.helped(text)
    assert outcome.changes == {"enhance_prompt": False}
    (note,) = outcome.adjustments
    assert note.field == "enhance_prompt"
    assert "nothing that can be used" in note.reason


def test_a_prompt_of_the_tokenizers_own_marks_costs_no_job(model: Ltx2, picture: Path):
    outcome = prepared(model, a_request(prompt="<start_of_image> a cat", image=picture))
    assert outcome.changes == {"enhance_prompt": False}


def test_what_it_wrote_is_what_the_model_sees():
    asked = a_request(enhanced_prompt="A tabby cat on a wide beach")
    assert asked.seen_by_model({}).prompt == "A tabby cat on a wide beach"
    assert a_request().seen_by_model({}).prompt == asked.prompt == "A cat on a beach"
