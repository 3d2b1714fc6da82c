"""Linear layers in 4-bit normal float, by bitsandbytes; on a GPU and on a CPU.

QLoRA (arXiv 2305.14314): 64 weights share a scale, 256 scales share a scale of scales (double
quantization).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from common.runtime.quiet import quiet_import

BLOCK = 64
"""Weights with one scale; bitsandbytes' default for 4 bits."""

SCALES_BLOCK = 256
"""Scales with one scale; bitsandbytes computes with no other (autograd/_functions.py)."""

_PIECE = 1 << 22
"""Parameters that are quantized at once."""

_WEIGHT = "weight"


def quantize(linear: nn.Linear) -> nn.Module:
    """A ``bitsandbytes.nn.Linear4bit`` that computes in the format of the weight as it is now."""
    weight = linear.weight.detach()
    if _padding(linear):
        weight = functional.pad(weight, (0, _padding(linear)))
    packed, state = _quantize_in_pieces(weight)
    parameter = _bitsandbytes().Params4bit(
        packed,
        requires_grad=False,
        quant_state=state,
        compress_statistics=True,
        quant_type="nf4",
        bnb_quantized=True,
    )
    return _module(linear, parameter, linear.bias)


def _quantize_in_pieces(weight: torch.Tensor) -> tuple[torch.Tensor, Any]:
    """What bitsandbytes makes of the whole weight, bit for bit, but some rows at a time.

    On a CPU it holds 16 bytes for each parameter on the way: over 1 GB for Wan's largest layer.
    The scales are quantized over all rows, as there.
    """
    functions = quiet_import("bitsandbytes.functional")
    rows = max(1, _PIECE // weight.shape[1])
    pieces = [
        functions.quantize_4bit(piece, blocksize=BLOCK, quant_type="nf4")
        for piece in torch.split(weight, rows)
    ]
    scales = torch.cat([state.absmax for _, state in pieces])
    offset = scales.mean()
    quantized_scales, scales_of_scales = functions.quantize_blockwise(
        scales - offset, blocksize=SCALES_BLOCK
    )
    state = functions.QuantState(
        absmax=quantized_scales,
        shape=weight.shape,
        code=pieces[0][1].code,
        blocksize=BLOCK,
        quant_type="nf4",
        dtype=weight.dtype,
        offset=offset,
        state2=scales_of_scales,
    )
    return torch.cat([packed for packed, _ in pieces]), state


def flatten(module: nn.Module) -> dict[str, torch.Tensor]:
    """The packed weight and bitsandbytes' own record of its scales, as it saves them."""
    weight: Any = module.weight
    state = weight.quant_state.as_dict(packed=True)
    return {_WEIGHT: weight.data.detach(), **{f"{_WEIGHT}.{name}": state[name] for name in state}}


def restore(linear: nn.Linear, tensors: Mapping[str, torch.Tensor]) -> nn.Module:
    """The module that ``flatten`` saw. ``load_state_dict`` would not do: it drops the scales."""
    prefix = f"{_WEIGHT}."
    packed = tensors[_WEIGHT]
    state = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    parameter = _bitsandbytes().Params4bit.from_prequantized(packed, state, device=packed.device)
    return _module(linear, parameter, tensors.get("bias"))


def held_tensors(weight: torch.Tensor) -> list[torch.Tensor]:
    """What a packed weight holds besides its own storage."""
    state: Any = getattr(weight, "quant_state", None)
    if state is None:
        return []
    nested = [state.offset, state.state2.absmax, state.state2.code] if state.nested else []
    return [state.absmax, state.code, *nested]


def _module(linear: nn.Linear, weight: Any, bias: torch.Tensor | None) -> nn.Module:
    dtype = weight.quant_state.dtype
    module = _bitsandbytes().Linear4bit(
        linear.in_features + _padding(linear),
        linear.out_features,
        bias=False,
        compute_dtype=dtype,
        quant_type="nf4",
        device="meta",
    )
    # On a CPU with AVX512-BF16 the first forward would repack the weight for good: it rounds the
    # scales to bfloat16 and refuses sides that are no multiples of 32 and 64.
    module.support_avx512bf16_for_cpu = False
    module.weight = weight
    if bias is not None:
        module.bias = nn.Parameter(bias.detach().to(dtype), requires_grad=False)
    if _padding(linear):
        module.unpadded_features = linear.in_features
        module.register_forward_pre_hook(_pad_input)
    quantized: nn.Module = module
    return quantized


def _padding(linear: nn.Linear) -> int:
    """Columns of zeros that make every row whole blocks.

    bitsandbytes quantizes across rows, but on a CPU unpacks row by row: rows that end inside a
    block come out wrong, without an error (0.50.2; a relative error of 0.24 for 0.09). The
    widths of the real models are multiples of 64, but for one layer of Gemma's vision tower.
    """
    return -linear.in_features % BLOCK


def _pad_input(module: nn.Module, args: tuple[torch.Tensor]) -> torch.Tensor:
    (hidden_states,) = args
    width: Any = module.in_features
    return functional.pad(hidden_states, (0, width - hidden_states.shape[-1]))


def _bitsandbytes() -> Any:
    return quiet_import("bitsandbytes.nn")
