"""What each quantization scheme does to one block, and to the size of the whole model."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from common.contract import Quantization
from common.runtime.keep import TRANSFORMER, Keep, component_scheme, rule_for
from common.runtime.quantization import (
    declared_keeps,
    is_quantizable,
    quantize_,
    scheme_of,
    weight_bytes,
)
from scripts.bench.blocks import Inputs, Subject, outputs, reference
from scripts.bench.outliers import ordinary, with_outliers
from scripts.bench.service_sizes import model_bytes

SEED = 7
HIGH_PRECISION_BYTES = 2
"""bfloat16. What Wan keeps in float32 is under 0.3 % of it."""


@dataclass(frozen=True)
class Row:
    """One scheme on one model; errors are relative, in the Frobenius norm.

    ``update_error`` is relative to what the block adds to its input; None for a text encoder.
    ``outlier_error`` is the last of these that there is, of the ordinary tokens beside outliers.
    ``layer_bytes`` is for each parameter of the layers in this scheme, ``share`` how much of the
    whole model they are, ``kept`` the share of what stays, by reason.
    """

    model: str
    scheme: Quantization
    parameters: int
    output_error: float
    update_error: float | None
    outlier_error: float
    layer_bytes: float
    model_bytes: float
    share: float
    kept: dict[str, float]


def measure(subject: Subject, schemes: tuple[Quantization, ...]) -> Iterator[Row]:
    """A row for each scheme that the component is loaded in, on the same weights and input."""
    torch.manual_seed(SEED)
    block, plain = subject.block(), subject.inputs()
    outlying = plain | {name: with_outliers(plain[name]) for name in subject.stream}
    cases = [_Case(inputs, reference(block, inputs)) for inputs in (plain, outlying)]
    for scheme in schemes:
        if component_scheme(subject.component, scheme) is not scheme:
            continue
        candidate = copy.deepcopy(block)
        layer_bytes = _quantize(candidate, scheme, subject)
        unpack_fp8_products(candidate)
        answers = [outputs(candidate, case.inputs, torch.bfloat16) for case in cases]
        del candidate
        yield _row(subject, scheme, _errors(subject, cases, answers), layer_bytes)


@dataclass(frozen=True)
class _Case:
    inputs: Inputs
    exact: list[torch.Tensor]


@dataclass(frozen=True)
class _Errors:
    output: float
    update: float | None
    outlier: float


def _errors(subject: Subject, cases: list[_Case], answers: list[list[torch.Tensor]]) -> _Errors:
    adds = subject.component == TRANSFORMER
    (plain, outlying), (plain_answer, outlying_answer) = cases, answers
    scales = [_updates(case, subject.stream) if adds else case.exact for case in cases]
    beside = [
        list(map(ordinary, tensors)) for tensors in (outlying_answer, outlying.exact, scales[1])
    ]
    return _Errors(
        output=_relative(plain_answer, plain.exact, plain.exact),
        update=_relative(plain_answer, plain.exact, scales[0]) if adds else None,
        outlier=_relative(*beside),
    )


def _quantize(block: nn.Module, scheme: Quantization, subject: Subject) -> float:
    """Bytes for each parameter of the layers that are in ``scheme`` now."""
    if scheme is Quantization.NONE:
        return HIGH_PRECISION_BYTES
    linears = {name: child for name, child in block.named_modules() if isinstance(child, nn.Linear)}
    sizes = {name: linear.weight.numel() for name, linear in linears.items()}
    biases = {name: weight_bytes(linear) - 2 * sizes[name] for name, linear in linears.items()}
    quantized = quantize_(block, scheme, subject.rules(scheme)).quantized
    done = [name for name in quantized if scheme_of(block.get_submodule(name)) is scheme]
    held = sum(weight_bytes(block.get_submodule(name)) - biases[name] for name in done)
    return held / sum(sizes[name] for name in done)


def unpack_fp8_products(block: nn.Module) -> None:
    """Multiply the values that FP8 units would see in float32: the same products and exact sums.

    The CPU has a float8 product too, a loop over scalars that would take hours at real widths.
    """
    for module in block.modules():
        if scheme_of(module) is Quantization.FP8_COMPUTE:
            weight: Any = module.weight
            inputs = weight.act_quant_kwargs
            module.weight = nn.Parameter(weight.dequantize(torch.float32), requires_grad=False)
            module.float()
            module.register_forward_pre_hook(_through_float8(inputs))
            module.register_forward_hook(_to_bfloat16)


def _through_float8(options: Any) -> Callable[[nn.Module, tuple[torch.Tensor]], torch.Tensor]:
    """The input as the product would see it, in float32."""
    from torchao.quantization import Float8Tensor

    def hook(_: nn.Module, args: tuple[torch.Tensor]) -> torch.Tensor:
        quantized = Float8Tensor.from_hp(
            args[0], options.float8_dtype, options.granularity, hp_value_lb=options.hp_value_lb
        )
        plain: torch.Tensor = quantized.dequantize(torch.float32)
        return plain

    return hook


def _to_bfloat16(_: nn.Module, __: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
    return output.to(torch.bfloat16)


def _row(subject: Subject, scheme: Quantization, errors: _Errors, layer_bytes: float) -> Row:
    with torch.device("meta"):
        whole = subject.whole()
    total = sum(parameter.numel() for parameter in whole.parameters())
    rules = subject.rules(scheme)
    kept = _kept(whole, scheme, (*rules, *declared_keeps(whole)))
    return Row(
        model=subject.name,
        scheme=scheme,
        parameters=total,
        output_error=errors.output,
        update_error=errors.update,
        outlier_error=errors.outlier,
        layer_bytes=layer_bytes,
        model_bytes=model_bytes(whole, scheme, rules),
        share=(total - kept.total()) / total,
        kept={reason: count / total for reason, count in kept.most_common()},
    )


def _kept(whole: nn.Module, scheme: Quantization, rules: tuple[Keep, ...]) -> Counter[str]:
    """Parameters that are not in ``scheme``, by reason; a shared one counts where it is met."""
    kept = Counter[str]()
    seen: set[int] = set()
    for name, module in whole.named_modules():
        rule = rule_for(name, rules)
        reason = is_quantizable(name, module, scheme, rules)
        if reason is None and rule is not None and rule.scheme is not scheme:
            reason = f"{rule.reason}; in `{rule.scheme}`"
        for kind, parameter in module.named_parameters(recurse=False):
            if id(parameter) in seen or (reason is None and kind == "weight"):
                continue
            seen.add(id(parameter))
            kept[reason or "biases of quantized layers"] += parameter.numel()
    return kept


def _updates(case: _Case, stream: tuple[str, ...]) -> list[torch.Tensor]:
    pairs = zip(case.exact, stream, strict=True)
    return [out - case.inputs[name].float() for out, name in pairs]


def _relative(
    answers: list[torch.Tensor], exact: list[torch.Tensor], scale: list[torch.Tensor]
) -> float:
    """Over all streams together."""
    error = torch.cat([(a - e).flatten() for a, e in zip(answers, exact, strict=True)])
    whole = torch.cat([tensor.flatten() for tensor in scale])
    return float(error.norm() / whole.norm())
