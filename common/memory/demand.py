"""What a job needs of the pool: the model's estimate, for its scheme, corrected by experience."""

from dataclasses import dataclass, field

from common.contract import Memory, ModelSpec, Quantization
from common.hub import Checkpoint
from common.memory.experience import Experience, shape_of
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


@dataclass(frozen=True)
class Appraiser:
    """Appraises requests to one model; knows its checkpoint, its scheme and its past."""

    spec: ModelSpec
    experience: Experience
    scheme: Quantization
    _known: dict[str, Memory] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, spec: ModelSpec, settings: Settings) -> "Appraiser":
        """The appraiser of a service, as it is configured."""
        path = settings.state_of(spec.id) / "memory.json"
        return cls(spec, Experience(path), Quantization(settings.quantization or spec.quantization))

    def weights(self, checkpoint: Checkpoint) -> str:
        """Names what is loaded, for the experience."""
        return f"{checkpoint.id}@{self.scheme}".replace(" ", "")

    def estimate(self, checkpoint: Checkpoint, request: ResolvedRequest, batch: int = 1) -> Memory:
        """By geometry alone; every job of a fused batch counts in full, as far as that is known.

        Raises:
            CheckpointError: a configuration or a weights file is damaged.
        """
        shape = f"{checkpoint.path} {shape_of('', request)}"
        plain = self._known.get(shape)
        if plain is None:  # reads every header of the checkpoint
            plain = self._known[shape] = self.spec.memory(checkpoint.path, request)
        weights = int(plain.load_bytes * SCHEME_SHARES[self.scheme])
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
