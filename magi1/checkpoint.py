"""Reads MAGI-1's published transformers: their files, their names, their FP8 weights.

On the hub (``sand-ai/MAGI-1``) a model is a folder like ``ckpt/magi/4.5B_distill`` with the weights
in ``inference_weight[.fp8][.distill]``: one ``model.safetensors``, or several with an index.
Layout: SandAI-org/MAGI-1, inference/infra/checkpoint/checkpointing.py.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from common.runtime.components import Component, PendingComponent, Treatment
from common.runtime.conversion import Weight
from common.runtime.live_weights import Naming
from common.runtime.safetensors_format import DamagedFile, Entry
from magi1.configuration import SCALES, MagiConfig, find_config, weights_folder
from magi1.key_names import our_name
from magi1.transformer import MagiTransformer3DModel

_FP8 = "F8_E4M3"
_NEEDED_SCALES = SCALES[:2]
_PIECE = 1 << 22
"""Weights that are dequantized at once: 16 MB in float32."""


def load(
    folder: Path, *, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> tuple[MagiTransformer3DModel, MagiConfig]:
    """Load a model's folder: its transformer, not quantized, and its configuration.

    Weights go to ``device`` one by one, in ``dtype``; the norms and embeddings of
    ``_keep_in_fp32_modules`` in float32.

    Raises:
        CheckpointError: missing, incomplete, or of another model.
    """
    config = find_config(folder)
    treatment = Treatment(torch.device(device), dtype)
    with PendingComponent(transformer_component(folder, config), treatment, None) as pending:
        model = pending.load(lambda _count: None)
    assert isinstance(model, MagiTransformer3DModel)  # noqa: S101  # as its component says
    return model, config


def transformer_component(folder: Path, config: MagiConfig) -> Component:
    """The transformer of a model's folder, for a loader: its class, its files, what they make."""
    return Component(
        "transformer",
        MagiTransformer3DModel,
        weights_folder(folder, config),
        config=config.transformer.as_dict(),
        conversion=convert,
        naming=Naming.TRANSFORMERS,
    )


def convert(entries: Sequence[Entry]) -> list[Weight]:
    """What the official files' tensors make: ours by name, FP8 weights and their scales in one.

    Raises:
        DamagedFile: an FP8 weight lacks a scale.
    """
    stored = {entry.name: entry for entry in entries}
    kept = (entry for entry in entries if entry.name.rpartition(".")[2] not in SCALES)
    return [_weight(entry, stored) for entry in kept]


def _weight(entry: Entry, stored: Mapping[str, Entry]) -> Weight:
    if entry.dtype != _FP8:
        return Weight(_known_name(entry.name), entry.shape, (entry,))
    scales = _scales_of(entry, stored)

    def make(tensors: Sequence[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
        return dequantize(tensors[0], **dict(zip(scales, tensors[1:], strict=True)), dtype=dtype)

    return Weight(_known_name(entry.name), entry.shape[1:], (entry, *scales.values()), make)


def _scales_of(entry: Entry, stored: Mapping[str, Entry]) -> dict[str, Entry]:
    module = entry.name.removesuffix("weight")
    for scale in _NEEDED_SCALES:
        if module + scale not in stored:
            raise DamagedFile(f"lacks {module}{scale}")
    return {scale: stored[module + scale] for scale in SCALES if module + scale in stored}


def _known_name(key: str) -> str:
    """A stranger keeps its name: the loader says that the model does not know it."""
    try:
        return our_name(key)
    except KeyError:
        return key


def dequantize(
    weight: torch.Tensor,
    weight_scale: torch.Tensor,
    input_scale: torch.Tensor,
    smooth_scale: torch.Tensor | None = None,
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """The weight [out, in] that an FP8 layer of the official files stands for.

    That layer divides its input by a scale (``smooth_scale`` channel by channel, else
    ``input_scale``), rounds it to FP8, and multiplies the product by ``input_scale`` and
    ``weight_scale``, one number each: W = w * weight_scale * input_scale / divisor. Only the
    rounding of the input is left out.

    Source: ``PerTensorQuantizedFp8Linear`` and ``PerChannelQuantizedFp8Linear`` in
    SandAI-org/MAGI-1, inference/model/dit/dit_module.py.

    Args:
        weight: float8_e4m3fn, shape [1, out, in].
        weight_scale: shape [1].
        input_scale: shape [1] or [in]; the product is multiplied by its first number.
        smooth_scale: shape [1, in].
        dtype: of the answer; it is computed in float32, some rows at a time.
    """
    divisor = input_scale if smooth_scale is None else smooth_scale
    gain = (weight_scale.flatten()[0] * input_scale.flatten()[0] / divisor.flatten()).float()
    stored = weight.squeeze(0)
    plain = torch.empty(stored.shape, dtype=dtype, device=stored.device)
    rows = max(1, _PIECE // stored.shape[1])
    for target, part in zip(torch.split(plain, rows), torch.split(stored, rows), strict=True):
        target.copy_(part.float() * gain)
    return plain
