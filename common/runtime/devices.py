"""Where a model runs, in which number format, and what running out of memory becomes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from common.base.errors import InvalidRequest, OutOfMemory
from common.contract.compute_dtype import AUTO, ComputeDtype, choose_compute_dtype
from common.runtime.out_of_memory import is_out_of_memory


def pick_device(name: str = "auto") -> torch.device:
    """The device called ``name``; ``auto`` is the GPU where there is one, else the CPU.

    Raises:
        InvalidRequest: there is no such device here; the message names those there are.
    """
    present = _present()
    return choose(name, present, torch.cuda.current_device() if len(present) > 1 else 0)


def choose(name: str, present: Sequence[str], current: int) -> torch.device:
    """The device called ``name`` of those that are ``present``, of which the first is the CPU.

    A GPU has its index: torch bounds no memory of ``cuda`` alone. Raises InvalidRequest.
    """
    if name in ("auto", "cuda") and len(present) > 1:
        return torch.device("cuda", current)
    if name in present or name == "auto":
        return torch.device(present[0] if name == "auto" else name)
    raise InvalidRequest(
        f"there is no device {name!r} here.",
        param="device",
        hint=f"Take auto, or one of: {', '.join(present)}.",
    )


def _present() -> list[str]:
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ["cpu", *(f"cuda:{index}" for index in range(gpus))]


def compute_dtype(device: torch.device, asked: str = AUTO) -> torch.dtype:
    """The number format of weights and activations on ``device``.

    Args:
        device: where the model will run.
        asked: ``LoadOptions.compute_dtype``.
    """
    return as_torch(choose_compute_dtype(asked, on_gpu=device.type != "cpu").dtype)


def as_torch(dtype: ComputeDtype) -> torch.dtype:
    """The same format, as torch names it."""
    found: torch.dtype = getattr(torch, dtype)
    return found


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turn torch's ways of running out of memory into ours.

    A generator must open it inside its body: a decorator would only see its creation.

    Raises:
        OutOfMemory: an allocation failed in the block, on the GPU or on the CPU.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as exc:
        if not is_out_of_memory(exc):
            raise
        raise OutOfMemory(
            "the job did not fit into memory.",
            hint="Ask for fewer frames or a smaller resolution, or unload another model first.",
        ) from exc
