"""What an operation costs in bytes and in work. No torch here.

Decoders, filters and the encoder each hold some frames: measured on files of 1920x1080 and of
3840x2160, see docs/cutting-room.md.
"""

from pathlib import Path

from common.base.settings import MIB
from common.contract import Memory
from common.contract.compute_dtype import ComputeDtype
from studio.requests import ResolvedStudio

FIXED_BYTES = 300 * MIB
"""Of ffmpeg with its threads, whatever it does."""
BYTES_A_PIXEL = 160
"""x264 alone looks forty frames ahead, at a byte and a half a pixel, and keeps smaller copies."""
LISTENING_BYTES = 1.5
"""Of the weights: activations and the beams, beside them."""


def memory_of(
    checkpoint: Path, request: ResolvedStudio, _dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> Memory:
    """The listener's weights, and what frames take."""
    weights = sum(path.stat().st_size for path in checkpoint.glob("*") if path.is_file())
    plan = request.plan
    drawing = beside_of(plan.width * plan.height) + plan.bytes_beside if plan else beside_of(0)
    listening = int(weights * LISTENING_BYTES) if request.needs_model else 0
    return Memory(load_bytes=weights, run_bytes=listening + drawing)


def beside_of(pixels: int) -> int:
    """Bytes for files whose frames have so many pixels."""
    return FIXED_BYTES + BYTES_A_PIXEL * pixels


def work_of(request: ResolvedStudio) -> float:
    """Seconds that are heard, and frames that are drawn."""
    heard = sum(one.seconds for one in request.found.values()) if request.needs_model else 0.0
    plan = request.plan
    drawn = plan.seconds * plan.fps * plan.width * plan.height if plan else 0.0
    return heard * 1e9 + drawn * 1e3
