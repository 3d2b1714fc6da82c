"""Linear layers whose weight is one of torchao's tensors: NVFP4, and FP8 with FP8 products.

The modules stay ``nn.Linear``; the weight knows how to multiply. Such tensors cannot go into
safetensors, so they are taken apart into plain ones and a record of the rest.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from common.runtime.quiet import quiet_import

SMALLEST = 1e-12
"""Lower bound of the largest value that a scale is made from. Without one, a tensor of zeros is
divided by a scale of zero, and every output is NaN (torchao 0.18.0)."""

_FORMAT = "weight.format"


def quantize_nvfp4(linear: nn.Linear) -> nn.Module:
    """4-bit floats, a float8 scale for 16 of them, one float32 scale for the whole weight.

    It computes in the format of the weight as it is now.
    The tensor is that of torchao's ``NVFP4WeightOnlyConfig``, which has no lower bound.
    """
    nvfp4 = _nvfp4()
    plain = linear.weight.detach()
    largest = plain.abs().max().float().clamp_min(SMALLEST)
    weight = nvfp4.NVFP4Tensor.to_nvfp4(
        plain, per_tensor_scale=nvfp4.per_tensor_amax_to_scale(largest), is_swizzled_scales=True
    )
    return _module(linear, weight, linear.bias)


def flatten_nvfp4(module: nn.Module) -> dict[str, torch.Tensor]:
    """Packed values, both scales, and how they are laid out."""
    weight: Any = module.weight
    layout = {
        "block_size": weight.block_size,
        "is_swizzled_scales": weight.is_swizzled_scales,
        "computes_in": str(weight.orig_dtype).removeprefix("torch."),
    }
    return {
        "weight": weight.qdata,
        "weight.scale": weight.scale,
        "weight.per_tensor_scale": weight.per_tensor_scale,
        _FORMAT: _packed(layout),
    }


def restore_nvfp4(linear: nn.Linear, tensors: Mapping[str, torch.Tensor]) -> nn.Module:
    """The module that ``flatten_nvfp4`` saw."""
    layout = _unpacked(tensors[_FORMAT])
    weight = _nvfp4().NVFP4Tensor(
        tensors["weight"],
        tensors["weight.scale"],
        orig_dtype=getattr(torch, layout.pop("computes_in")),
        per_tensor_scale=tensors["weight.per_tensor_scale"],
        **layout,
    )
    return _module(linear, weight, tensors.get("bias"))


def quantize_fp8_compute(linear: nn.Linear) -> nn.Module:
    """float8_e4m3fn with a scale for each row; inputs are cast at every call, one scale a token.

    With one scale for all tokens, a single token with a massive activation would push the others
    to the coarse end of float8 (docs/quantization.md has the errors). The product with scales of
    rows answers in bfloat16 only, which is what all else here computes in; the bias is added
    inside it, in bfloat16.

    This is what torchao's ``Float8DynamicActivationFloat8WeightConfig`` makes per row, without
    the two things it does besides: it sets torch.compile's options for the whole process, and
    leaves a weight whose sides do not suit it unquantized in silence.
    """
    weight = _float8().Float8Tensor.from_hp(
        linear.weight.detach().to(torch.bfloat16),
        float8_dtype=torch.float8_e4m3fn,
        granularity=_per_row(),
        hp_value_lb=SMALLEST,
        **_fp8_compute_options(),
    )
    return _module(linear, weight, linear.bias)


def flatten_fp8_compute(module: nn.Module) -> dict[str, torch.Tensor]:
    """Values and their scales. The rest is how to multiply, not what the weight is."""
    weight: Any = module.weight
    return {"weight": weight.qdata, "weight.scale": weight.scale}


def restore_fp8_compute(linear: nn.Linear, tensors: Mapping[str, torch.Tensor]) -> nn.Module:
    """The module that ``flatten_fp8_compute`` saw."""
    values = tensors["weight"]
    weight = _float8().Float8Tensor(
        values,
        tensors["weight.scale"],
        block_size=[1, values.shape[1]],
        dtype=torch.bfloat16,
        **_fp8_compute_options(),
    )
    return _module(linear, weight, tensors.get("bias"))


def held_tensors(weight: torch.Tensor) -> list[torch.Tensor]:
    """The plain tensors below a wrapper; the tensor itself where it is none."""
    take_apart: Callable[[], tuple[list[str], Any]] | None
    take_apart = getattr(weight, "__tensor_flatten__", None)
    if take_apart is None:
        return [weight]
    return [inner for name in take_apart()[0] for inner in held_tensors(getattr(weight, name))]


def _fp8_compute_options() -> dict[str, Any]:
    """As torchao's own configuration: products add up in the unit's fast, shorter sums."""
    inference = quiet_import("torchao.float8.inference")
    inputs = _float8().QuantizeTensorToFloat8Kwargs(
        torch.float8_e4m3fn, _per_row(), hp_value_lb=SMALLEST
    )
    return {
        "mm_config": inference.Float8MMConfig(use_fast_accum=True),
        "act_quant_kwargs": inputs,
    }


def _nvfp4() -> Any:
    return quiet_import("torchao.prototype.mx_formats.nvfp4_tensor")


def _per_row() -> Any:
    return quiet_import("torchao.quantization").PerRow()


def _float8() -> Any:
    return quiet_import("torchao.quantization.quantize_.workflows")


def _module(linear: nn.Linear, weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Linear:
    module = nn.Linear(linear.in_features, linear.out_features, bias=False, device="meta")
    module.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        module.bias = nn.Parameter(bias.detach().to(weight.dtype), requires_grad=False)
    return module


def _packed(record: Mapping[str, Any]) -> torch.Tensor:
    return torch.frombuffer(bytearray(json.dumps(record).encode()), dtype=torch.uint8)


def _unpacked(text: torch.Tensor) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(bytes(text.tolist()))
    return record
