"""LoRAs on LTX-2: picture and sound change with them, and are to the bit as before without."""

from collections.abc import Sequence

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from common.contract import Quantization
from common.kinds.video.loras import ResolvedLora
from ltx2.denoising import Ltx2
from ltx2.model_config import SPEC
from scripts.tiny import ltx2 as tiny
from tests.formats import on_cpu
from tests.parity.test_ltx2 import a_request, our_call

LAYERS = ("attn1.to_q", "audio_attn1.to_v", "ff.net.2")


@pytest.fixture(
    scope="module",
    params=[
        ("Lightricks/LTX-2", Quantization.NONE),
        ("diffusers/LTX-2.3-Distilled-Diffusers", Quantization.FP8),
    ],
    ids=str,
)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ltx2:
    models, (name, scheme) = tmp_path_factory.mktemp("models"), request.param
    (folder,) = tiny.build(models, repositories=[name])
    loaded: Ltx2 = SPEC.load(folder, on_cpu(models_dir=models, quantization=scheme))
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
    steps = {"num_inference_steps": 8, "guidance_scale": 1.0} if model.traits.distilled else {}
    clip, frames = our_call(model, a_request(loras=loras, **steps))
    assert clip.audio is not None
    return frames, clip.audio.samples


def test_with_and_without(model: Ltx2):
    before, nothing, half, whole = (made(model, each) for each in ((), (0.0,), (0.5,), (1.0,)))
    for part in range(2):  # picture and sound
        assert np.array_equal(before[part], nothing[part])
        assert not np.array_equal(before[part], half[part])
        assert not np.array_equal(half[part], whole[part])
    after = made(model, ())
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
