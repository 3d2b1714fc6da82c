"""Encoders whose published files differ from what their library writes today."""

import json
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import LTX2Pipeline, WanImageToVideoPipeline, WanPipeline
from safetensors.torch import save_file
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    UMT5Config,
    UMT5EncoderModel,
)

from common.base.errors import CheckpointError
from common.runtime.checkpoints import read_index
from common.runtime.components import Component, PendingComponent, Treatment, torch_components
from scripts.tiny import gemma
from tests.checkpoints.keys import Tensor
from tests.checkpoints.listing import listing
from tests.checkpoints.replica import stored_tensors, write_weights
from wan21.pipeline import UNUSED

IMAGE = listing("Wan-AI/Wan2.1-I2V-14B-480P-Diffusers")
PROJECTION = "visual_projection.weight"
TREATMENT = Treatment(torch.device("cpu"), torch.float32)
CLIP = {"plain": CLIPVisionModel, "projected": CLIPVisionModelWithProjection}


def image_encoder(folder: Path, cls: type, tensors: list[Tensor]) -> Component:
    """Wan2.1's, in a checkpoint whose index names ``cls``."""
    index = {"_class_name": "X", "image_encoder": ["transformers", cls.__name__]}
    config = IMAGE.configs["image_encoder/config.json"] | {"architectures": [cls.__name__]}
    (folder / "image_encoder").mkdir()
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "image_encoder" / "config.json").write_text(json.dumps(config))
    write_weights(folder, IMAGE, "image_encoder", tensors)
    return one(folder, WanImageToVideoPipeline, "image_encoder", wan=True)


def one(folder: Path, pipeline: type, name: str, *, wan: bool = False) -> Component:
    found = torch_components(pipeline, folder, read_index(folder), UNUSED if wan else None)
    return next(component for component in found if component.name == name)


@pytest.mark.parametrize("named", CLIP)
@pytest.mark.parametrize("stored", CLIP)
def test_clip_is_taken_with_a_projection_and_without(tmp_path: Path, named: str, stored: str):
    """At its real size; the file has the prefix of transformers 4."""
    tensors = stored_tensors(IMAGE, "image_encoder")
    kept = [tensor for tensor in tensors if stored == "projected" or tensor.name != PROJECTION]
    assert len(kept) == len(tensors) - (stored == "plain")
    assert all(tensor.name.startswith(("vision_model.", PROJECTION)) for tensor in kept)
    component = image_encoder(tmp_path, CLIP[named], kept)
    with PendingComponent(component, TREATMENT, None) as pending:
        assert pending.source is not None
        placed = pending.source.matched.names
    assert {tensor.name for tensor in kept} - set(placed) <= {PROJECTION}
    assert len(placed) == 519 + (named == stored == "projected")


@pytest.mark.parametrize("lost", ["vision_model.pre_layrnorm.bias"])
def test_anything_else_may_not_be_missing(tmp_path: Path, lost: str):
    tensors = [each for each in stored_tensors(IMAGE, "image_encoder") if each.name != lost]
    component = image_encoder(tmp_path, CLIP["projected"], tensors)
    with pytest.raises(CheckpointError, match="tensors are missing in image_encoder"):
        PendingComponent(component, TREATMENT, None)


TINY_CLIP = CLIPVisionConfig(
    hidden_size=16, intermediate_size=32, projection_dim=8, num_hidden_layers=3,
    num_attention_heads=2, image_size=28, patch_size=14,
)  # fmt: skip


@pytest.mark.parametrize("named", CLIP)
@pytest.mark.parametrize("stored", CLIP)
def test_clips_hidden_states_are_those_of_the_library(tmp_path: Path, named: str, stored: str):
    folder = tmp_path / "image_encoder"
    torch.manual_seed(1)
    CLIP[stored](TINY_CLIP).save_pretrained(folder)
    index = {"_class_name": "X", "image_encoder": ["transformers", CLIP[named].__name__]}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    component = one(tmp_path, WanImageToVideoPipeline, "image_encoder", wan=True)
    with PendingComponent(component, TREATMENT, None) as pending:
        ours = pending.load(lambda _count: None)
    theirs = CLIP[named].from_pretrained(folder)
    pixels = torch.randn(1, 3, 28, 28)
    with torch.no_grad():
        states = [x(pixels, output_hidden_states=True).hidden_states[-2] for x in (ours, theirs)]
    assert torch.equal(*states)
    assert not any(tensor.is_meta for tensor in ours.state_dict().values())


def test_umt5s_shared_embedding_is_its_encoders_too(tmp_path: Path):
    """``shared.weight`` alone is stored, and ``tie_word_embeddings`` is false."""
    known = listing("Wan-AI/Wan2.1-T2V-14B-Diffusers")
    assert known.configs["text_encoder/config.json"]["tie_word_embeddings"] is False
    assert "encoder.embed_tokens.weight" not in known.weights["text_encoder"]["keys"]
    config = UMT5Config(
        vocab_size=19, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2,
        tie_word_embeddings=False,
    )  # fmt: skip
    folder = tmp_path / "text_encoder"
    torch.manual_seed(2)
    model = UMT5EncoderModel(config).eval()
    model.save_pretrained(folder)
    stored = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    del stored["encoder.embed_tokens.weight"]
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    index = {"_class_name": "X", "text_encoder": ["transformers", "UMT5EncoderModel"]}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    component = one(tmp_path, WanPipeline, "text_encoder")
    with PendingComponent(component, TREATMENT, None) as pending:
        loaded = pending.load(lambda _count: None)
    embedding = loaded.state_dict()["encoder.embed_tokens.weight"]
    assert torch.equal(embedding, stored["shared.weight"])
    ids = torch.tensor([[3, 5, 1]])
    with torch.no_grad():
        assert torch.equal(loaded(ids).last_hidden_state, model(ids).last_hidden_state)


OLD_GEMMA = (
    ("model.vision_tower.", "vision_tower.vision_model."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("model.language_model.", "language_model.model."),
)
"""Today's names of Gemma 3 in transformers, and those of the published files."""


def test_gemmas_old_names_are_todays(tmp_path: Path):
    folder = tmp_path / "text_encoder"
    torch.manual_seed(3)
    model = gemma.text_encoder()
    model.save_pretrained(folder)
    stored: dict[str, torch.Tensor] = {}
    for name, tensor in model.state_dict().items():
        if name != "lm_head.weight":  # tied, and not published
            old = next(old + name.removeprefix(new) for new, old in OLD_GEMMA if new in name)
            stored[old] = tensor.clone()
    published = listing("Lightricks/LTX-2").weights["text_encoder"]["keys"]
    assert {name.split(".")[0] for name in stored} == {name.split(".")[0] for name in published}
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    index = {"_class_name": "X", "text_encoder": ["transformers", type(model).__name__]}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    component = one(tmp_path, LTX2Pipeline, "text_encoder")
    with PendingComponent(component, TREATMENT, None) as pending:
        loaded = pending.load(lambda _count: None)
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
