"""What a job needs of the pool: the model's estimate, for its scheme, corrected by experience."""

from dataclasses import dataclass, field

from common.base.settings import Settings
from common.contract import Memory, ModelSpec, Quantization, Resolved, Variant
from common.contract.compute_dtype import ComputeDtype, choose_compute_dtype
from common.contract.hub import choose_variant
from common.contract.kind import plain
from common.contract.schemes import Choice
from common.contract.variants import Checkpoint
from common.memory.choice import choose
from common.memory.experience import Experience
from common.memory.probe import MemoryKind

BESIDE_TENSORS = 32 * 2**20
"""Frames on their way to the encoder, and what Python itself takes while a job runs."""

WORKER_BYTES = 1536 * 2**20
"""A guess at what a worker holds before its model: libraries, and CUDA's context. Tickets ask on
top of what is really held; only ``auto``, which is decided without a worker, has to guess."""

LOADING_SHARE = 1.15
"""Peak of a load against what it leaves (docs/benchmarks.md)."""

BLIND_SHARE = 4
"""What grows faster than its worker beats is stopped before anybody knows how much it took: its
next try asks for this part of the pool more, or a small estimate would need a dozen tries."""


@dataclass(frozen=True)
class Demand:
    """Bytes of one job. ``measured``: this shape has run here before."""

    load_bytes: int
    run_bytes: int
    measured: bool = False
    seconds: float | None = None
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
    variant: Variant
    experience: Experience
    asked: Quantization
    capacity_bytes: int
    """The most that one job could ever get: what ``auto`` has room for."""
    dtype: ComputeDtype = ComputeDtype.BFLOAT16
    """What the model will compute in."""
    _known: dict[str, Memory] = field(default_factory=dict, compare=False)
    _loads: dict[str, int] = field(default_factory=dict, compare=False)

    @classmethod
    def of(
        cls, spec: ModelSpec, settings: Settings, capacity_bytes: int, kind: MemoryKind
    ) -> "Appraiser":
        """The appraiser of a service, as it is configured, on a pool of this kind."""
        on_gpu = runs_on_gpu(settings.device, kind)
        path = settings.state_of(spec.id) / "memory.json"
        return cls(
            spec=spec,
            variant=choose_variant(spec, settings.checkpoint),
            experience=Experience(path),
            asked=Quantization(settings.quantization or spec.quantization),
            capacity_bytes=capacity_bytes,
            dtype=choose_compute_dtype(settings.compute_dtype, on_gpu=on_gpu).dtype,
        )

    def choice(self, checkpoint: Checkpoint) -> Choice:
        """The scheme that the checkpoint is loaded in: its loader is told the same.

        Raises:
            CheckpointError: a configuration or a weights file is damaged.
        """

        def needed_bytes(scheme: Quantization) -> int:
            load_bytes = self._load_bytes(checkpoint, scheme)
            usual = self.spec.kind.usual(self.variant)
            run_bytes = max(self._plain(checkpoint, request).run_bytes for request in usual)
            demand = Demand(load_bytes, run_bytes + BESIDE_TENSORS)
            return WORKER_BYTES + demand.total_bytes

        return choose(self.asked, self.spec.quantization, needed_bytes, self.capacity_bytes)

    def weights(self, checkpoint: Checkpoint) -> str:
        """Names what is loaded, for the experience.

        Its estimated bytes are a part of it: where other layers are quantized than before, or a
        part is loaded in another format, what was measured then says nothing.
        """
        scheme = self.choice(checkpoint).scheme
        wide = "" if self.dtype is ComputeDtype.BFLOAT16 else f"-{self.dtype}"
        load_bytes = self._load_bytes(checkpoint, scheme)
        return f"{checkpoint.id}@{scheme}{wide}:{load_bytes}".replace(" ", "")

    def estimate(self, checkpoint: Checkpoint, request: Resolved, batch: int = 1) -> Memory:
        """By geometry alone; every job of a fused batch counts in full, as far as that is known.

        Raises:
            CheckpointError: a configuration or a weights file is damaged.
        """
        load_bytes = self._load_bytes(checkpoint, self.choice(checkpoint).scheme)
        run_bytes = self._plain(checkpoint, request).run_bytes
        return Memory(load_bytes, run_bytes * batch + BESIDE_TENSORS)

    def _load_bytes(self, checkpoint: Checkpoint, scheme: Quantization) -> int:
        """Once for each scheme: every submit asks."""
        name = f"{checkpoint.path} {scheme} {self.dtype}"
        if name not in self._loads:  # reads headers too
            saved = self.spec.saved_bytes(checkpoint.path, scheme, self.dtype)
            whole = self._plain(checkpoint, plain(self.spec.kind, self.variant))
            self._loads[name] = whole.load_bytes - saved
        return self._loads[name]

    def _plain(self, checkpoint: Checkpoint, request: Resolved) -> Memory:
        """Without quantization. Every header of the checkpoint is read, once for each shape."""
        shape = f"{checkpoint.path} {self.dtype} {self.spec.kind.shape(request)}"
        if shape not in self._known:
            self._known[shape] = self.spec.memory(checkpoint.path, request, self.dtype)
        return self._known[shape]

    def outgrew(
        self,
        checkpoint: Checkpoint,
        request: Resolved,
        held: int,
        loaded: bool,
        batch: int = 1,
        *,
        seen: bool = True,
    ) -> None:
        """A worker that held so much in all was stopped; its next try asks for more.

        ``seen``: the worker says so now, and not what it held up to a second ago.
        """
        weights, estimate = self.weights(checkpoint), self.estimate(checkpoint, request, batch)
        if not loaded:
            self.experience.loaded(weights, max(held, estimate.load_bytes) * 5 // 4)
            return
        shape = self.spec.kind.shape(request)
        known = self.experience.corrected(weights, shape, estimate, batch).memory
        running = max(held - known.load_bytes, 0 if seen else self._stride(known))
        self.experience.outgrew(weights, shape, known.run_bytes, running, batch)

    def _stride(self, known: Memory) -> int:
        """Nothing where it would ask for more than there is: only what was seen may refuse."""
        more = known.run_bytes + self.capacity_bytes // BLIND_SHARE
        asked = known.load_bytes + more * 4 // 3  # what ``Experience`` makes of it, and headroom
        return more if asked <= self.capacity_bytes else 0

    def demand(self, checkpoint: Checkpoint, request: Resolved, batch: int = 1) -> Demand:
        """By geometry and experience, of ``batch`` such jobs that are made together.

        Raises:
            CheckpointError: a configuration or a weights file is damaged.
        """
        if not request.needs_model:
            return Demand(0, BESIDE_TENSORS + self.spec.kind.beside(request))
        estimate = self.estimate(checkpoint, request, batch)
        shape, cost = self.spec.kind.shape(request), self.spec.cost(request)
        known = self.experience.corrected(self.weights(checkpoint), shape, estimate, batch)
        way = self.spec.kind.work(request, cost).way
        return Demand(
            load_bytes=known.memory.load_bytes,
            run_bytes=known.memory.run_bytes + self.spec.kind.beside(request) * batch,
            measured=known.measured,
            seconds=self.experience.seconds(cost * batch, way),
        )


def runs_on_gpu(device: str, kind: MemoryKind) -> bool:
    """Where a model will run, as far as DEVICE and the pool tell without torch.

    Figures from a file say nothing of the machine: then only a GPU that is named counts.
    """
    if kind is MemoryKind.FILE:
        return device.startswith("cuda")
    return device != "cpu" and kind is not MemoryKind.CPU
