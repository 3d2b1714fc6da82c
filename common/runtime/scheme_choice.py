"""Which quantization scheme a device can run, and which one is used."""

from importlib.util import find_spec

import torch

from common.contract import Quantization
from common.errors import InvalidRequest

_PACKAGES = {
    Quantization.NF4: "bitsandbytes",
    Quantization.NVFP4: "torchao",
    Quantization.FP8_COMPUTE: "torchao",
}
_FP8_UNITS = (8, 9)
"""Compute capability of Ada, the first with float8 matrix units (CUDA C++ Programming Guide,
"Compute Capabilities"); a DGX Spark's GB10 is 12.1."""


def runnable_schemes(device: torch.device) -> dict[Quantization, str | None]:
    """Every scheme, and why it does not run on ``device``; None where it does."""
    schemes = (scheme for scheme in Quantization if scheme is not Quantization.AUTO)
    return {scheme: _why_not(scheme, device) for scheme in schemes}


def _why_not(scheme: Quantization, device: torch.device) -> str | None:
    package = _PACKAGES.get(scheme)
    if package is not None and find_spec(package) is None:
        return f"the package {package} is not installed"
    if scheme is Quantization.FP8_COMPUTE and not _has_fp8_units(device):
        return f"it needs an NVIDIA GPU of compute capability 8.9 or newer, not {_name(device)}"
    return None


def _has_fp8_units(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= _FP8_UNITS


def _name(device: torch.device) -> str:
    if device.type != "cuda":
        return f"a {device.type.upper()}"
    return "{}.{}".format(*torch.cuda.get_device_capability(device))


def choose_scheme(
    asked: Quantization, default: Quantization, device: torch.device
) -> tuple[Quantization, str]:
    """What will be used, and why, in words for a person.

    ``auto`` takes FP8 products where the chip has them, since they are the only scheme that is
    faster than bfloat16, and the model's default elsewhere.

    Args:
        asked: the setting, or ``default`` where nothing is set.
        default: the model's own.
        device: where the model will run.

    Raises:
        InvalidRequest: there is no such scheme, or the device cannot run it; the hint names those
            that it can.
    """
    runnable = runnable_schemes(device)
    if asked not in (*runnable, Quantization.AUTO):
        raise _refusal(f"there is no quantization {str(asked)!r}", runnable)
    if asked is Quantization.AUTO:
        return _automatic(default, device, runnable)
    if runnable[asked] is not None:
        raise _refusal(f"quantization {asked} does not run here: {runnable[asked]}", runnable)
    if asked is default:
        return asked, "the model's default"
    return asked, f"set by QUANTIZATION; the model's default is {default}"


def _automatic(
    default: Quantization, device: torch.device, runnable: dict[Quantization, str | None]
) -> tuple[Quantization, str]:
    if runnable[Quantization.FP8_COMPUTE] is None:
        return Quantization.FP8_COMPUTE, f"auto: the GPU ({_name(device)}) has FP8 matrix units"
    if default is not Quantization.AUTO and runnable[default] is None:
        return default, f"auto: {_name(device)} has no FP8 matrix units, so the model's default"
    return Quantization.FP8, f"auto: the model's default, {default}, does not run here"


def _refusal(message: str, runnable: dict[Quantization, str | None]) -> InvalidRequest:
    names = ", ".join(scheme for scheme, why_not in runnable.items() if why_not is None)
    hint = f"Set QUANTIZATION to auto, or to one of: {names}."
    return InvalidRequest(f"{message}.", param="QUANTIZATION", hint=hint)
