"""A short product on the GPU: how fast it is, and a moment at which its clock can be looked at."""

import logging
from collections.abc import Callable
from typing import Any

import torch

log = logging.getLogger(__name__)

SIDE = 4096
"""Of square bfloat16 matrices: 137 GFLOP a product, 1.6 ms on a DGX Spark, and 100 MB in all."""
PRODUCTS = 160
"""About a quarter of a second on a DGX Spark, in which a clock comes up; four times that where it
is stuck."""
LOOK_AFTER = 120
"""Products after which the GPU is looked at, while the rest are still running."""


def tflops(device: torch.device, while_busy: Callable[[], object]) -> float | None:
    """TFLOP/s of dense bfloat16 products; None without a GPU, or without room for the matrices.

    Args:
        device: where.
        while_busy: called once, while the GPU is at it.
    """
    if device.type != "cuda":
        return None
    try:
        return _measured(device, while_busy)
    except RuntimeError:  # it is only a look: whatever fails here, a job will tell better
        log.warning("the GPU's speed was not measured", exc_info=True)
        return None


def _measured(device: torch.device, while_busy: Callable[[], object]) -> float:
    matrix = torch.ones(SIDE, SIDE, device=device, dtype=torch.bfloat16)
    answer = matrix @ matrix  # the library is loaded, its kernel chosen
    cuda: Any = torch.cuda
    started, look, ended = (cuda.Event(enable_timing=True) for _ in range(3))
    started.record()
    for product in range(PRODUCTS):
        torch.mm(matrix, matrix, out=answer)
        if product == LOOK_AFTER:
            look.record()
    ended.record()
    look.synchronize()
    while_busy()
    ended.synchronize()
    milliseconds: float = started.elapsed_time(ended)
    return 2 * SIDE**3 * PRODUCTS / milliseconds / 1e9
