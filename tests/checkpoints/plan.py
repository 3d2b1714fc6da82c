"""What a component will take in memory, told from its names, shapes and dtypes alone."""

from collections.abc import Iterator
from functools import cache

import torch
from torch import nn

from common.contract import Quantization
from common.runtime.components import PendingComponent
from common.runtime.quantization import quantize_linear, weight_bytes

SMALL = 1 << 18
"""Numbers of a layer that is really quantized, to know its bytes."""


def places(pending: PendingComponent) -> Iterator[tuple[str, str, torch.dtype]]:
    """Stored name, the model's name and what it is kept in."""
    assert pending.source is not None
    for weight in pending.source.weights:
        name = pending.source.matched.names[weight.name]
        yield weight.name, name, pending.blank.dtype_of(name, weight.stored_dtype)


def loaded_bytes(pending: PendingComponent) -> int:
    """In memory, if nothing were quantized."""
    blank = pending.blank.module.state_dict()
    return sum(blank[name].numel() * dtype.itemsize for name, dtype in kept(pending))


def kept(pending: PendingComponent) -> Iterator[tuple[str, torch.dtype]]:
    """Each tensor that is in memory once: of tied ones, which a file may hold twice, the first."""
    tied = dict(getattr(pending.blank.module, "all_tied_weights_keys", {}))
    stored = {name: dtype for _, name, dtype in places(pending)}
    yield from ((name, each) for name, each in stored.items() if tied.get(name) not in stored)


def planned_bytes(pending: PendingComponent) -> int:
    """In memory, with each linear layer in its scheme."""
    module = pending.blank.module
    weights = {f"{name}.weight" for name in pending.linears}
    blank = module.state_dict()
    plain = sum(
        blank[name].numel() * dtype.itemsize for name, dtype in kept(pending) if name not in weights
    )
    return plain + sum(
        linear_bytes(module.get_submodule(name), scheme) for name, scheme in pending.linears.items()
    )


def linear_bytes(linear: nn.Module, scheme: Quantization) -> int:
    """Of a quantized weight, without its bias."""
    assert isinstance(linear, nn.Linear)
    return weight_bytes_of(linear.out_features, linear.in_features, scheme)


@cache
def weight_bytes_of(rows: int, columns: int, scheme: Quantization) -> int:
    """By quantizing a few rows: bytes grow with their number, but for what all rows share."""
    if rows * columns <= SMALL:
        return quantized_bytes(rows, columns, scheme)
    few, many = (quantized_bytes(count, columns, scheme) for count in (64, 128))
    return few + (many - few) * (rows - 64) // 64


def quantized_bytes(rows: int, columns: int, scheme: Quantization) -> int:
    linear = nn.Linear(columns, rows, bias=False, dtype=torch.bfloat16).requires_grad_(False)
    return weight_bytes(quantize_linear(linear, scheme))
