"""What stays in high precision when a model is quantized: rules by name. No torch here.

The loader goes by them, and so do the estimates of what a scheme saves.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from common.contract import Quantization
from common.contract.compute_dtype import ComputeDtype

TRANSFORMER = "transformer"
"""What diffusers calls the component that denoises."""
TRANSFORMERS = (TRANSFORMER, "transformer_2")
"""The same where two share the steps: the first from the noise on, the second to the end."""

MULTIPLE = 16
"""Both sides of a weight: the block of NVFP4, and what ``torch._scaled_mm`` asks for."""

MOST_AT_THE_EDGES = 0.25
"""Share of a model's blocks. A model with so few that its edges are more has been made to try the
code, and quantizing nothing of it would try nothing."""


@dataclass(frozen=True)
class Keep:
    """What stays in high precision, and why.

    ``pattern`` is a run of dotted parts, with the wildcards of ``fnmatch`` inside a part. It
    matches a module's name where some run of consecutive parts of the name matches it part by
    part: ``proj_out`` matches ``proj_out`` and ``head.proj_out.linear`` but not ``audio_proj_out``;
    ``attn2.to_*`` matches ``blocks.3.attn2.to_q`` and, below it, ``blocks.3.attn2.to_out.0``. With
    a dot in front it matches at the beginning of a name only: ``.proj_out`` is the model's own.
    """

    pattern: str
    reason: str
    scheme: Quantization = Quantization.NONE
    """What it is kept in, where high precision would be too large."""

    def matches(self, name: str) -> bool:
        """Whether the module of this dotted name stays."""
        wanted, parts = self.pattern.removeprefix(".").split("."), name.split(".")
        last = 0 if self.pattern.startswith(".") else len(parts) - len(wanted)
        windows = (parts[at : at + len(wanted)] for at in range(last + 1))
        long_enough = (window for window in windows if len(window) == len(wanted))
        return any(all(map(fnmatchcase, window, wanted)) for window in long_enough)


KeepRules = Sequence[Keep] | Callable[[Quantization], Sequence[Keep]]
"""What stays in high precision in one component, whatever the scheme or by the scheme."""


def rules_under(rules: KeepRules, scheme: Quantization) -> Sequence[Keep]:
    """Those that hold under ``scheme``."""
    return rules(scheme) if callable(rules) else rules


def rule_for(name: str, rules: Iterable[Keep]) -> Keep | None:
    """The rule for the module of this name; of several, one that keeps high precision."""
    matching = [rule for rule in rules if rule.matches(name)]
    return min(matching, key=lambda rule: rule.scheme is not Quantization.NONE, default=None)


def layer_scheme(name: str, scheme: Quantization, rules: Iterable[Keep]) -> Quantization:
    """What the linear layer of this name is kept in, in a model under ``scheme``."""
    rule = rule_for(name, rules)
    return scheme if rule is None else rule.scheme


def component_scheme(component: str, scheme: Quantization) -> Quantization:
    """What a component is quantized by, in a service under ``scheme``.

    Products in FP8 are for what denoises, whose every step they shorten. A text encoder runs
    once a job: it would lose accuracy for nothing, so its weights alone are FP8.
    """
    if scheme is Quantization.FP8_COMPUTE and component not in TRANSFORMERS:
        return Quantization.FP8
    return scheme


def why_unsuited(sides: tuple[int, int], scheme: Quantization) -> str | None:
    """Why a weight [out, in] does not suit ``scheme``; None where it does."""
    if scheme not in (Quantization.NVFP4, Quantization.FP8_COMPUTE):
        return None
    if all(side % MULTIPLE == 0 for side in sides):
        return None
    return f"{sides[0]}x{sides[1]}: {scheme} needs multiples of {MULTIPLE}"


def edge_blocks(
    stack: str, num_layers: int, reason: str, *, first: int = 1, last: int = 1
) -> tuple[Keep, ...]:
    """Rules for the ``first`` and the ``last`` blocks of a stack of ``num_layers``.

    Args:
        stack: name of the list of blocks.
        num_layers: none is kept where the edges are more than ``MOST_AT_THE_EDGES`` of these.
        reason: why they stay.
        first: how many at the beginning.
        last: how many at the end.
    """
    if first + last > MOST_AT_THE_EDGES * num_layers:
        return ()
    kept = (*range(first), *range(num_layers - last, num_layers))
    return tuple(Keep(f"{stack}.{index}", reason) for index in kept)


def saved_bytes(
    shapes: Iterable[tuple[str, Sequence[int]]],
    scheme: Quantization,
    rules: Sequence[Keep],
    dtype: ComputeDtype = ComputeDtype.BFLOAT16,
) -> int:
    """What ``scheme`` takes off tensors in ``dtype``: quantized, they are as large in any.

    Args:
        shapes: names in the module's own words and shapes. Of these the matrices called
            ``weight`` are taken for linear layers: embeddings need a rule that keeps them.
        scheme: of the component.
        rules: its rules under that scheme.
        dtype: of what is not quantized.
    """
    matrices = (
        (name.removesuffix(".weight"), (shape[0], shape[1]))
        for name, shape in shapes
        if name.endswith(".weight") and len(shape) == 2
    )
    return sum(
        _saved(sides, layer_scheme(name, scheme, rules), dtype.itemsize) for name, sides in matrices
    )


def _saved(sides: tuple[int, int], scheme: Quantization, itemsize: int) -> int:
    out_features, in_features = sides
    if scheme not in _BYTES or why_unsuited(sides, scheme) is not None:
        return 0
    by_number, by_row = _BYTES[scheme]
    return int(out_features * (in_features * (itemsize - by_number) - by_row))


_BYTES: Mapping[Quantization, tuple[float, int]] = {
    Quantization.FP8: (1, 4),
    Quantization.FP8_COMPUTE: (1, 4),
    Quantization.NF4: (0.5 + 1 / 64 + 4 / (64 * 256), 0),
    Quantization.NVFP4: (0.5 + 1 / 16, 0),
}
"""Bytes of a number and of a row, scales included: see the modules of the schemes."""
