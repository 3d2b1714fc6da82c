"""What a model author writes against: a SPEC, ``load``, ``generate``, and what they exchange.

Importing this module (and a model's ``model_config``) costs no torch: the API process reads
the SPEC too, to validate requests.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

from common.contract.compute_dtype import AUTO, ComputeDtype
from common.contract.variants import Adapter as Adapter
from common.contract.variants import Capability as Capability
from common.contract.variants import Defaults as Defaults
from common.contract.variants import Limits as Limits
from common.contract.variants import Preset as Preset
from common.contract.variants import Variant as Variant
from common.contract.variants import VideoInput as VideoInput
from common.kinds.video.requests import ResolvedRequest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pipeline = Any
"""Whatever ``load`` returns and ``generate`` takes; nobody else looks inside."""


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


class Phase(StrEnum):
    """Where a running job is. Order is time order."""

    LOADING = "loading"
    ENCODING_PROMPT = "encoding_prompt"
    DENOISING = "denoising"
    DECODING = "decoding"
    ENCODING_VIDEO = "encoding_video"


class ModelOptions(BaseModel):
    """Base of a model's own ``options``: unknown names are refused, every field is described."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def adjusted(self, defaults: Defaults) -> Defaults:
        """What a request gets under these options that does not say; an option may change it."""
        return defaults


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


@dataclass(frozen=True)
class AudioTrack:
    """``samples`` is float32 in [-1, 1], shape [samples, channels]; ``sample_rate`` in Hz."""

    samples: "NDArray[np.float32]"
    sample_rate: int


@dataclass(frozen=True)
class VideoClip:
    """A video as it comes into being.

    ``frames`` yields uint8 chunks of shape [T, height, width, 3] that add up to ``num_frames``;
    it is consumed once, by the encoder, so that encoding overlaps decoding. Audio is complete
    before the first frame is drawn from ``frames``.
    """

    frames: "Iterator[NDArray[np.uint8]]"
    num_frames: int
    width: int
    height: int
    fps: float
    audio: AudioTrack | None = None


class JobContext(Protocol):
    """A running job, seen from inside a model."""

    def progress(
        self, phase: Phase, step: int = 0, steps: int = 0, *, chunk: int = 0, chunks: int = 0
    ) -> None:
        """Say where the job is: ``step`` of ``steps`` are done in ``phase``.

        A model that makes its video piece by piece also says how many pieces are finished.
        """

    def preview(self, step: int, picture: "Callable[[], NDArray[np.uint8]]") -> None:
        """Offer a look at what there is after ``step``: uint8 [height, width, 3], any size.

        ``picture`` is called only where a preview is due; what it raises is logged, and fails
        nothing. The picture is scaled to 256 pixels on its long side.
        """

    def raise_if_cancelled(self) -> None:
        """Leave the job if it was cancelled or called back. Call it at every step.

        Raises:
            JobCancelled: the client cancelled.
            JobReleased: the worker must stop; the job goes back to the queue.
        """


class BatchContext(JobContext, Protocol):
    """Jobs that are made together: what is said of their batch is said of each of them.

    A cancelled clip leaves the batch at ``raise_if_cancelled``, which raises only once all have
    left. The model may go on with its slot; its frames are not drawn.
    """

    @property
    def clips(self) -> Sequence[JobContext]:
        """Each job by itself, in the order of the requests: for its own decoding."""


LoadFunction = Callable[[Path, LoadOptions], Pipeline]
GenerateFunction = Callable[[Pipeline, ResolvedRequest, JobContext], VideoClip]
BatchFunction = Callable[[Pipeline, Sequence[ResolvedRequest], BatchContext], list[VideoClip]]
MemoryFunction = Callable[[Path, ResolvedRequest, ComputeDtype], Memory]
SavedFunction = Callable[[Path, Quantization, ComputeDtype], int]
CostFunction = Callable[[ResolvedRequest], float]


def _nothing_saved(_checkpoint: Path, _scheme: Quantization, _dtype: ComputeDtype) -> int:
    return 0


@dataclass(frozen=True)
class ModelSpec:
    """One model service. The first variant is the default; ``CHECKPOINT`` picks another.

    ``memory`` (in a number format) and ``cost`` (FLOPs of a request) feed the estimates of
    ``dry_run``. ``memory`` is that of weights that are not quantized; ``saved_bytes`` is what a
    scheme takes off them.

    ``generate_batch`` denoises up to ``max_batch`` requests together that differ in words, seed
    and picture alone; its clips are drawn one after the other, each as ``generate``'s would be.
    """

    id: str
    title: str
    licence: str
    port: int
    variants: tuple[Variant, ...]
    options: type[ModelOptions]
    load: LoadFunction
    generate: GenerateFunction
    memory: MemoryFunction
    cost: CostFunction
    saved_bytes: SavedFunction = _nothing_saved
    quantization: Quantization = Quantization.NONE
    max_batch: int = 1
    generate_batch: BatchFunction | None = None
    worth_fusing: Callable[[ResolvedRequest], bool] = lambda _request: True
    """Whether one such clip leaves the GPU room for others; a large one does not."""
