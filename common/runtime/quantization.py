"""Keeps the weights of linear layers in fewer bits: one layer at a time, or a whole model.

A loader drives it layer by layer (``is_quantizable``, ``quantize_linear``, and for a cache
``tensors_of`` and ``restore_linear``), so that no second copy of a model is ever held;
``quantize_`` does it to a model that is in memory. Nothing here knows a model: what must stay in
high precision comes as ``Keep`` rules from the model's folder.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from common.contract import Quantization
from common.runtime import linear_fp8, linear_nf4, linear_torchao
from common.runtime.keep import Keep, layer_scheme, rule_for, why_unsuited


@dataclass(frozen=True)
class QuantizationResult:
    """Dotted names of what was replaced, and of what was not, with the reason."""

    quantized: tuple[str, ...]
    kept: dict[str, str]


def declared_keeps(model: nn.Module) -> tuple[Keep, ...]:
    """Rules for what the model's own class says must not be cast below float32.

    Both libraries match these names against whole parts of a dotted name.
    """
    names: set[str] = set()
    for attribute in ("_keep_in_fp32_modules", "_keep_in_fp32_modules_strict"):
        names.update(getattr(model, attribute, None) or ())
    reason = f"{type(model).__name__} declares it for float32"
    return tuple(Keep(name, reason) for name in sorted(names))


def is_quantizable(
    name: str, module: nn.Module, scheme: Quantization, keep: Sequence[Keep]
) -> str | None:
    """None where the module can be quantized, else why it stays. Its weight may be on meta."""
    rule = rule_for(name, keep)
    if rule is not None and rule.scheme is Quantization.NONE:
        return rule.reason
    if scheme is Quantization.NONE:
        return "nothing is quantized"
    # Subclasses stay: code elsewhere takes their weight itself (nn.MultiheadAttention).
    if type(module) is not nn.Linear:
        return "not a plain linear layer"
    sides = (module.out_features, module.in_features)
    return why_unsuited(sides, layer_scheme(name, scheme, keep))


def quantize_linear(linear: nn.Linear, scheme: Quantization) -> nn.Module:
    """A replacement for ``linear``, frozen and on the same device. ``linear`` is left as it is.

    Args:
        linear: weight [out, in] in bfloat16 or float32, in memory; the bias is kept.
        scheme: one that ``is_quantizable`` allows for this layer.

    Raises:
        ValueError: the scheme is no scheme (``none``, ``auto``), or the weight is on meta.
    """
    if linear.weight.is_meta:
        raise ValueError("the weight is on meta: there is nothing to quantize")
    with torch.no_grad():
        return _methods(scheme).quantize(linear).train(linear.training)


def tensors_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """A replacement as plain contiguous tensors, named within the module; safetensors takes them.

    Only scheme and shape are needed besides to have it back. The tensors are the module's own.

    Raises:
        ValueError: ``quantize_linear`` did not make the module.
    """
    scheme = scheme_of(module)
    if scheme is None:
        raise ValueError(f"{type(module).__name__} is not quantized")
    tensors = _methods(scheme).flatten(module)
    bias = getattr(module, "bias", None)
    if bias is not None:
        tensors["bias"] = bias.detach()
    return tensors


def restore_linear(
    linear: nn.Linear, scheme: Quantization, tensors: Mapping[str, torch.Tensor]
) -> nn.Module:
    """The module that ``tensors_of`` saw, bit for bit, around ``tensors`` as they are.

    Args:
        linear: only its shape counts; it may be on meta.
        scheme: of the module.
        tensors: on the device where the layer shall run.

    Raises:
        KeyError: a tensor is missing.
    """
    return _methods(scheme).restore(linear, tensors).train(linear.training)


def scheme_of(module: nn.Module) -> Quantization | None:
    """The scheme that the module was quantized by; None where it was not."""
    if isinstance(module, linear_fp8.Fp8Linear):
        return Quantization.FP8
    # By name: the classes' packages are only imported where a scheme is used.
    return _SCHEME_OF_WEIGHT.get(type(getattr(module, "weight", None)).__name__)


def quantize_(
    module: nn.Module, scheme: Quantization, keep: Sequence[Keep] = ()
) -> QuantizationResult:
    """Replace the linear layers below ``module``, each as soon as it is quantized.

    What the model's class declares for float32 stays too (``declared_keeps``), and weights that
    several modules share. A rule may keep a layer in a scheme of its own. Works on any device;
    ``module`` itself is not replaced.
    """
    rules = (*keep, *declared_keeps(module))
    quantized, kept = [], {}
    for name, reason in list(_verdicts(module, scheme, rules)):
        if reason is None:
            its_own = layer_scheme(name, scheme, rules)
            _replace(module, name, quantize_linear(_linear(module, name), its_own))
            quantized.append(name)
        else:
            kept[name] = reason
    return QuantizationResult(tuple(quantized), kept)


def _verdicts(
    module: nn.Module, scheme: Quantization, rules: Sequence[Keep]
) -> Iterator[tuple[str, str | None]]:
    """Every module with a matrix of its own, by name: holding the modules would hold them all."""
    matrices = [
        (name, child)
        for name, child in module.named_modules(remove_duplicate=False)
        if name and getattr(getattr(child, "weight", None), "ndim", 0) > 1
    ]
    uses = Counter(id(child.weight) for _, child in matrices)
    for name, child in matrices:
        shared = "its weight is shared" if uses[id(child.weight)] > 1 else None
        yield name, shared or is_quantizable(name, child, scheme, rules)


def _linear(module: nn.Module, name: str) -> nn.Linear:
    linear = module.get_submodule(name)
    assert isinstance(linear, nn.Linear)  # noqa: S101  # is_quantizable has seen to it
    return linear


def _replace(module: nn.Module, name: str, replacement: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(module.get_submodule(parent), child, replacement)


def weight_bytes(module: nn.Module) -> int:
    """Bytes really held by parameters and buffers, scales included; shared storage counts once."""
    held: dict[int, int] = {}
    for tensor in _tensors(module):
        for plain in (*linear_torchao.held_tensors(tensor), *linear_nf4.held_tensors(tensor)):
            if not plain.is_meta:
                storage = plain.untyped_storage()
                held[storage.data_ptr()] = storage.nbytes()
    return sum(held.values())


def _tensors(module: nn.Module) -> Iterable[torch.Tensor]:
    yield from module.parameters()
    yield from module.buffers()


@dataclass(frozen=True)
class _Methods:
    quantize: Callable[[nn.Linear], nn.Module]
    flatten: Callable[[nn.Module], dict[str, torch.Tensor]]
    restore: Callable[[nn.Linear, Mapping[str, torch.Tensor]], nn.Module]


_METHODS = {
    Quantization.FP8: _Methods(
        linear_fp8.quantize, linear_fp8.flatten, lambda _, tensors: linear_fp8.restore(tensors)
    ),
    Quantization.NF4: _Methods(linear_nf4.quantize, linear_nf4.flatten, linear_nf4.restore),
    Quantization.NVFP4: _Methods(
        linear_torchao.quantize_nvfp4, linear_torchao.flatten_nvfp4, linear_torchao.restore_nvfp4
    ),
    Quantization.FP8_COMPUTE: _Methods(
        linear_torchao.quantize_fp8_compute,
        linear_torchao.flatten_fp8_compute,
        linear_torchao.restore_fp8_compute,
    ),
}
_SCHEME_OF_WEIGHT = {
    "Params4bit": Quantization.NF4,
    "NVFP4Tensor": Quantization.NVFP4,
    "Float8Tensor": Quantization.FP8_COMPUTE,
}


def _methods(scheme: Quantization) -> _Methods:
    if scheme not in _METHODS:
        raise ValueError(f"{scheme} does not quantize")
    return _METHODS[scheme]
