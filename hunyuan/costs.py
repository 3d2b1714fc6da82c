"""What a request costs, by the architecture of its checkpoint. No torch here."""

from pathlib import Path

from common.contract import Memory
from common.contract.compute_dtype import ComputeDtype
from common.kinds.video.resolved import ResolvedRequest
from hunyuan import estimates, estimates_15
from hunyuan.options import HunyuanOptions
from hunyuan.version import is_15


def memory_of(
    checkpoint: Path, request: ResolvedRequest, dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> Memory:
    """Bytes, before anything is quantized. Raises CheckpointError."""
    of = estimates_15.memory_of if is_15(checkpoint) else estimates.memory_of
    return of(checkpoint, request, dtype)


def flops_of(request: ResolvedRequest) -> float:
    """Operations. A request to 1.5 is told by the scale that it alone has not."""
    embedded = HunyuanOptions(**request.options).embedded_guidance_scale
    return estimates_15.flops_of(request) if embedded is None else estimates.flops_of(request)
