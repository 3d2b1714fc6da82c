"""How a checkpoint is brought into memory: schemes, options, and what was really done."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from common.contract.compute_dtype import AUTO, ComputeDtype
from common.contract.variants import Extra


class Quantization(StrEnum):
    """How the weights of linear layers are kept. All but one compute in the compute dtype."""

    NONE = "none"
    FP8 = "fp8"
    """float8_e4m3fn with a scale for each row: half the memory of bfloat16."""
    FP8_COMPUTE = "fp8_compute"
    """FP8 whose products run on FP8 units too: half the memory, and faster. Ada and newer."""
    NF4 = "nf4"
    """4-bit normal float, double quantization: about 0.52 bytes a parameter."""
    NVFP4 = "nvfp4"
    """4-bit float with block scales, weights only: memory, not speed. Experimental."""
    AUTO = "auto"
    """The most accurate that the memory pool has room for: asked for, never loaded."""


@dataclass(frozen=True)
class Memory:
    """Bytes that a job needs on top of the system: to hold the weights, and to run."""

    load_bytes: int
    run_bytes: int


@dataclass(frozen=True)
class LoadReport:
    """What was really done while loading, for ``/info`` and the log."""

    quantization: Quantization
    reason: str
    """Why this scheme: the service's default, a setting, or what ``auto`` saw."""
    attention_backend: str
    compute_dtype: ComputeDtype
    compute_dtype_reason: str
    from_cache: bool
    """Whether quantized weights were read, rather than made."""
    weight_bytes: int
    gpu_tflops: float | None = None
    """Of a short product in bfloat16; None without a GPU."""


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True)
class LoadOptions:
    """How to bring a checkpoint into memory."""

    quantization: Quantization = Quantization.NONE
    """Never ``AUTO``, which is decided together with the memory of the load."""
    reason: str = "asked for by name"
    """Why this scheme, for the report."""
    device: str = "auto"
    """``auto`` is the GPU where there is one, else the CPU; or a torch device string."""
    compute_dtype: str = AUTO
    """Of what is not quantized: ``bfloat16``, ``float32``, or ``auto``, what suits the device."""
    adapter: Path | None = None
    """A LoRA's safetensors file, to add to the transformer's weights before quantization."""
    adapter_2: Path | None = None
    """The same for the second transformer, where a checkpoint has one."""
    extra: Extra | None = None
    """Files that a job may need besides; they lie in ``models_dir`` or not at all."""
    models_dir: Path | None = None
    """The volume that checkpoints are in, and what else a job may name."""
    cache_dir: Path | None = None
    """Where quantized weights are kept for the next load; None keeps none."""
    cache_max_bytes: int = 0
    attention_backend: str = "native"
    """A name of diffusers' attention dispatcher."""
    compile_blocks: bool = False
    """Compile the transformer's repeated blocks at their first use."""
    group_offload: bool = False
    """Keep most blocks off a discrete GPU that is too small. Never on unified memory."""
    cuda_bytes: int | None = None
    """The most that torch may hold through CUDA; None sets no bound."""
    on_bytes: Callable[[int, int], None] = _ignore
    """Told (bytes read, bytes in all) as weights come in; what it raises leaves the load."""
    while_busy: Callable[[], object] = _ignore
    """Called once the weights are in, while the GPU is busy with a product; not on a CPU."""
    on_report: Callable[[LoadReport], None] = _ignore
    """Told once, at the end."""
