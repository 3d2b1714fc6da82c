"""The published LoRAs, by their real names and sizes, against the models that they are for."""

import json
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import WanPipeline

from common.base.errors import CheckpointError
from common.runtime.checkpoints import read_index
from common.runtime.components import PendingComponent, Treatment, torch_components
from common.runtime.lora import PARTS
from tests.checkpoints.keys import Tensor, library_tensors, tensors_of
from tests.checkpoints.listing import Listing, listing
from tests.checkpoints.replica import make_replica, write_file
from wan21.lora import PICTURE_BRANCH, open_lora
from wan21.model_config import (
    I2V_480P,
    I2V_480P_4STEP,
    I2V_720P,
    I2V_A14B_4STEP,
    T2V_14B,
    T2V_14B_4STEP,
)

LORAS = listing("lightx2v/Wan2.1-Distill-Loras")
LORAS_2_2 = listing("lightx2v/Wan2.2-Distill-Loras")
A14B = I2V_A14B_4STEP.checkpoint
assert T2V_14B_4STEP.adapter
assert I2V_480P_4STEP.adapter
TEXT, IMAGE = T2V_14B_4STEP.adapter.file, I2V_480P_4STEP.adapter.file
assert I2V_A14B_4STEP.adapter
HIGH_NOISE, LOW_NOISE = I2V_A14B_4STEP.adapter.files


def lora_file(folder: Path, known: Listing, file: str) -> tuple[Path, list[Tensor]]:
    """As safetensors writes it: names in order, and nothing else in the header."""
    tensors = sorted(tensors_of(known.weights[file], {}), key=lambda tensor: tensor.name)
    write_file(folder / file, tensors, bare=True)
    return folder / file, tensors


def transformer(repository: str) -> dict[str, tuple[int, ...]]:
    config = listing(repository).configs["transformer/config.json"]
    return library_tensors("diffusers", "WanTransformer3DModel", json.dumps(config))


@pytest.mark.parametrize(
    ("known", "file", "repository"),
    [
        (LORAS, TEXT, T2V_14B.checkpoint),
        (LORAS, IMAGE, I2V_480P.checkpoint),
        (LORAS, IMAGE, I2V_720P.checkpoint),
        (LORAS_2_2, HIGH_NOISE, A14B),
    ],
)
def test_every_key_finds_its_tensor(tmp_path: Path, known: Listing, file: str, repository: str):
    path, tensors = lora_file(tmp_path, known, file)
    size = known.files[file]
    assert size in (None, path.stat().st_size)
    lora, shapes = open_lora(path), transformer(repository)
    lora.check_fits(shapes)
    changed = {name for name in shapes if lora.changes(name)}
    assert len(changed) == len({whole(tensor.name) for tensor in tensors})
    print(f"{file}: {len(tensors)} tensors change {len(changed)} of {len(shapes)} of {repository}")


def whole(key: str) -> str:
    """What a key is a part of: the two matrices of a pair belong to one tensor."""
    for ending, (_, of) in PARTS.items():
        if key.endswith(ending):
            return key.removesuffix(ending) + of
    raise AssertionError(key)


def test_the_image_lora_has_no_modulation_tables(tmp_path: Path):
    lora = open_lora(lora_file(tmp_path, LORAS, IMAGE)[0])
    tables = [name for name in transformer(I2V_480P.checkpoint) if "scale_shift_table" in name]
    assert len(tables) == 41
    assert not any(lora.changes(name) for name in tables)


def test_the_text_lora_may_have_them(tmp_path: Path):
    lora = open_lora(lora_file(tmp_path, LORAS, TEXT)[0])
    names = transformer(T2V_14B.checkpoint)
    assert all(lora.changes(name) for name in names if "scale_shift_table" in name)


@pytest.mark.parametrize(
    ("known", "file", "repository", "stranger"),
    [
        (LORAS, IMAGE, T2V_14B.checkpoint, "add_k_proj"),
        (LORAS, TEXT, I2V_480P.checkpoint, "patch_embedding"),
        (LORAS, TEXT, "Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "blocks.0"),
        (LORAS_2_2, LOW_NOISE, A14B, "add_k_proj"),  # it has what Wan2.2 does not: not Wan2.2's
    ],
)
def test_one_for_another_model_is_refused(
    tmp_path: Path, known: Listing, file: str, repository: str, stranger: str
):
    lora = open_lora(lora_file(tmp_path, known, file)[0])
    with pytest.raises(CheckpointError, match="is for another model") as refused:
        lora.check_fits(transformer(repository))
    assert stranger in str(refused.value)


def test_what_the_low_noise_lora_has_for_clip_is_left_out(tmp_path: Path):
    """All else of it finds its tensor, in either transformer of the A14B."""
    path, tensors = lora_file(tmp_path, LORAS_2_2, LOW_NOISE)
    lora, shapes = open_lora(path, PICTURE_BRANCH), transformer(A14B)
    lora.check_fits(shapes)
    clip = [tensor.name for tensor in tensors if "_img" in tensor.name or "img_emb" in tensor.name]
    others = {whole(tensor.name) for tensor in tensors if tensor.name not in clip}
    assert len(clip) == 290
    assert len([name for name in shapes if lora.changes(name)]) == len(others)


def test_it_is_refused_before_a_weight_is_read(tmp_path: Path):
    snapshot = make_replica(tmp_path, T2V_14B, skip=("text_encoder", "vae"))
    (component,) = (
        each
        for each in torch_components(WanPipeline, snapshot, read_index(snapshot))
        if each.name == "transformer"
    )
    for file, fits in ((TEXT, True), (IMAGE, False)):
        lora = open_lora(lora_file(tmp_path, LORAS, file)[0])
        treatment = Treatment(torch.device("cpu"), torch.bfloat16, adapter=lora)
        if fits:
            PendingComponent(component, treatment, None).__exit__()
        else:
            with pytest.raises(CheckpointError, match="is for another model"):
                PendingComponent(component, treatment, None)
