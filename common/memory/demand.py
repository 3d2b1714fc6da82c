"""What a job needs of the pool: the model's estimate, for its scheme, corrected by experience."""

from dataclasses import dataclass, field

from common.compute_dtype import ComputeDtype, choose_compute_dtype
from common.contract import Memory, ModelSpec, Quantization
from common.hub import Checkpoint
from common.memory.experience import Experience, shape_of
from common.memory.probe import MemoryKind
from common.requests import ResolvedRequest
from common.settings import Settings

SCHEME_SHARES = {
    Quantization.NONE: 1.0,
    Quantization.FP8: 0.56,
    Quantization.FP8_COMPUTE: 0.56,
    Quantization.NF4: 0.35,
    Quantization.NVFP4: 0.47,
    Quantization.AUTO: 0.56,
}
"""Bytes of a whole pipeline by scheme, against bfloat16: the larger of Wan 2.1 14B and LTX-2, from
the sizes in docs/quantization.md. Only until the first load has been measured."""

LAYER_SHARES = {
    Quantization.NONE: 0.0,
    Quantization.FP8: 0.5,
    Quantization.FP8_COMPUTE: 0.5,
    Quantization.NF4: 0.26,
    Quantization.NVFP4: 0.28,
    Quantization.AUTO: 0.5,
}
"""Bytes of one quantized layer, against bfloat16; for none, that there is no such layer."""

BESIDE_TENSORS = 32 * 2**20
"""Frames on their way to the encoder, and what Python itself takes while a job runs."""

LOADING_SHARE = 1.15
"""Peak of a load against what it leaves (docs/benchmarks.md)."""


@dataclass(frozen=True)
class Demand:
    """Bytes of one job. ``measured``: this shape has run here before."""

    load_bytes: int
    run_bytes: int
    measured: bool
    seconds: float | None
    """Expected once it has its memory and the model is loaded."""

    @property
    def loading_bytes(self) -> int:
        """To bring the weights into memory."""
        return int(self.load_bytes * LOADING_SHARE)

    @property
    def total_bytes(self) -> int:
        """To load and to run: the two follow each other."""
        return max(self.loading_bytes, self.load_bytes + self.run_bytes)


def scheme_share(scheme: Quantization, dtype: ComputeDtype) -> float:
    """Bytes of a whole pipeline by scheme, against the same in ``dtype`` without one.

    What is quantized is as large in float32 as in bfloat16, and the rest is twice as large.
    """
    share, layer = SCHEME_SHARES[scheme], LAYER_SHARES[scheme]
    if dtype is ComputeDtype.BFLOAT16:
        return share
    rest = (share - layer) / (1 - layer)
    return (share + rest) / 2


@dataclass(frozen=True)
class Appraiser:
    """Appraises requests to one model; knows its checkpoint, its scheme and its past."""

    spec: ModelSpec
    experience: Experience
    scheme: Quantization
    dtype: ComputeDtype = ComputeDtype.BFLOAT16
    """What the model will compute in."""
    _known: dict[str, Memory] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, spec: ModelSpec, settings: Settings, kind: MemoryKind) -> "Appraiser":
        """The appraiser of a service, as it is configured, on a pool of this kind."""
        on_gpu = runs_on_gpu(settings.device, kind)
        return cls(
            spec=spec,
            experience=Experience(settings.state_of(spec.id) / "memory.json"),
            scheme=Quantization(settings.quantization or spec.quantization),
            dtype=choose_compute_dtype(settings.compute_dtype, on_gpu=on_gpu).dtype,
        )

    def weights(self, checkpoint: Checkpoint) -> str:
        """Names what is loaded, for the experience; what took so much in bfloat16 is of no use."""
        wide = "" if self.dtype is ComputeDtype.BFLOAT16 else f"-{self.dtype}"
        return f"{checkpoint.id}@{self.scheme}{wide}".replace(" ", "")

    def estimate(self, checkpoint: Checkpoint, request: ResolvedRequest, batch: int = 1) -> Memory:
        """By geometry alone; every job of a fused batch counts in full, as far as that is known.

        Raises:
            CheckpointError: a configuration or a weights file is damaged.
        """
        shape = f"{checkpoint.path} {self.dtype} {shape_of('', request)}"
        plain = self._known.get(shape)
        if plain is None:  # reads every header of the checkpoint
            plain = self._known[shape] = self.spec.memory(checkpoint.path, request, self.dtype)
        weights = int(plain.load_bytes * scheme_share(self.scheme, self.dtype))
        return Memory(weights, plain.run_bytes * batch + BESIDE_TENSORS)

    def outgrew(
        self,
        checkpoint: Checkpoint,
        request: ResolvedRequest,
        held: int,
        loaded: bool,
        batch: int = 1,
    ) -> None:
        """A worker that held so much in all was stopped; its next try asks for more."""
        weights, estimate = self.weights(checkpoint), self.estimate(checkpoint, request, batch)
        if not loaded:
            self.experience.loaded(weights, max(held, estimate.load_bytes) * 5 // 4)
            return
        known = self.experience.corrected(weights, request, estimate, batch).memory
        running = max(0, held - known.load_bytes)
        self.experience.outgrew(weights, request, known.run_bytes, running, batch)

    def demand(self, checkpoint: Checkpoint, request: ResolvedRequest, batch: int = 1) -> Demand:
        """By geometry and experience, of ``batch`` such jobs that are made together.

        Raises:
            CheckpointError: a configuration or a weights file is damaged.
        """
        estimate = self.estimate(checkpoint, request, batch)
        known = self.experience.corrected(self.weights(checkpoint), request, estimate, batch)
        return Demand(
            load_bytes=known.memory.load_bytes,
            run_bytes=known.memory.run_bytes,
            measured=known.measured,
            seconds=self.experience.seconds(self.spec.cost(request) * batch),
        )


def runs_on_gpu(device: str, kind: MemoryKind) -> bool:
    """Where a model will run, as far as DEVICE and the pool tell without torch.

    Figures from a file say nothing of the machine: then only a GPU that is named counts.
    """
    if kind is MemoryKind.FILE:
        return device.startswith("cuda")
    return device != "cpu" and kind is not MemoryKind.CPU
