"""LoRAs on LTX-2: picture and sound change with them, and are to the bit as before without."""

from collections.abc import Sequence
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from common.kinds.video.loras import ResolvedLora
from ltx2.model_config import SPEC
from ltx2.pipeline import Ltx2
from scripts.tiny import ltx2 as tiny
from tests.formats import on_cpu
from tests.parity.test_ltx2 import a_request, our_call

LAYERS = ("attn1.to_q", "audio_attn1.to_v", "ff.net.2")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Ltx2:
    models = tmp_path_factory.mktemp("models")
    (folder, *_) = tiny.build(models)
    loaded: Ltx2 = SPEC.load(folder, on_cpu(models_dir=models))
    torch.manual_seed(3)
    tensors = {}
    for name in (f"transformer_blocks.0.{layer}" for layer in LAYERS):
        layer = loaded.text_to_video.transformer.get_submodule(name)
        tensors[f"diffusion_model.{name}.lora_A.weight"] = torch.randn(2, layer.in_features)
        tensors[f"diffusion_model.{name}.lora_B.weight"] = torch.randn(layer.out_features, 2)
    (models / "loras").mkdir()
    save_file(tensors, models / "loras" / "it.safetensors")
    return loaded


def made(model: Ltx2, strengths: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    loras = tuple(ResolvedLora(name="it", strength=each, size_bytes=1) for each in strengths)
    clip, frames = our_call(model, a_request(loras=loras))
    assert clip.audio is not None
    return frames, clip.audio.samples


def test_with_and_without(model: Ltx2, tmp_path: Path):
    before, nothing, half, whole = (made(model, each) for each in ((), (0.0,), (0.5,), (1.0,)))
    for part in range(2):  # picture and sound
        assert np.array_equal(before[part], nothing[part])
        assert not np.array_equal(before[part], half[part])
        assert not np.array_equal(half[part], whole[part])
    after = made(model, ())
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
