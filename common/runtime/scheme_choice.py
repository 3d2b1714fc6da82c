"""Which quantization schemes a device can run."""

import torch

from common.base.errors import InvalidRequest
from common.contract import Quantization
from common.contract.schemes import missing_package
from common.runtime.fp8_trial import why_not_products

_FP8_UNITS = (8, 9)
"""Compute capability of Ada, the first with float8 matrix units (CUDA C++ Programming Guide,
"Compute Capabilities"); a DGX Spark's GB10 is 12.1."""


def runnable_schemes(device: torch.device) -> dict[Quantization, str | None]:
    """Every scheme, and why it does not run on ``device``; None where it does."""
    schemes = (scheme for scheme in Quantization if scheme is not Quantization.AUTO)
    return {scheme: _why_not(scheme, device) for scheme in schemes}


def _why_not(scheme: Quantization, device: torch.device) -> str | None:
    package = missing_package(scheme)
    if package is not None:
        return f"the package {package} is not installed"
    if scheme is not Quantization.FP8_COMPUTE:
        return None
    if not _has_fp8_units(device):
        return f"it needs an NVIDIA GPU of compute capability 8.9 or newer, not {_name(device)}"
    return why_not_products(device)


def _has_fp8_units(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= _FP8_UNITS


def _name(device: torch.device) -> str:
    if device.type != "cuda":
        return f"a {device.type.upper()}"
    return "{}.{}".format(*torch.cuda.get_device_capability(device))


def check_scheme(scheme: Quantization, device: torch.device) -> None:
    """Refuse what ``device`` cannot run; FP8 products are tried there.

    Raises:
        InvalidRequest: there is no such scheme, or the device cannot run it, or it multiplies
            wrongly; the hint names those that it can.
        ValueError: ``auto``, which whoever knows the pool has to decide before.
    """
    if scheme is Quantization.AUTO:
        raise ValueError("auto is no scheme: it is decided where the job's memory is")
    if scheme not in list(Quantization):
        raise _refusal(f"there is no quantization {str(scheme)!r}", device)
    why_not = _why_not(scheme, device)
    if why_not is not None:
        raise _refusal(f"quantization {scheme} does not run here: {why_not}", device)


def _refusal(message: str, device: torch.device) -> InvalidRequest:
    runnable = runnable_schemes(device)
    names = ", ".join(scheme for scheme, why_not in runnable.items() if why_not is None)
    hint = f"Set QUANTIZATION to auto, or to one of: {names}."
    return InvalidRequest(f"{message}.", param="QUANTIZATION", hint=hint)
