"""Quantization schemes, as far as they can be told without torch."""

from dataclasses import dataclass
from importlib.util import find_spec

from common.contract.loading import Quantization

PACKAGES = {
    Quantization.NF4: "bitsandbytes",
    Quantization.NVFP4: "torchao",
    Quantization.FP8_COMPUTE: "torchao",
}

BY_ACCURACY = (Quantization.NONE, Quantization.FP8, Quantization.NF4)
"""What ``auto`` takes from, the most accurate first (docs/quantization.md). FP8_COMPUTE is as large
as FP8 and less accurate, NVFP4 is larger than NF4 and no more accurate where it is smaller than
FP8: they have other merits, and are asked for by name."""


@dataclass(frozen=True)
class Choice:
    """The scheme that a checkpoint is loaded in, and why, in words for a person."""

    scheme: Quantization
    reason: str


def missing_package(scheme: Quantization) -> str | None:
    """The package that a scheme needs and that is not installed."""
    package = PACKAGES.get(scheme)
    return package if package is not None and find_spec(package) is None else None
