"""What a model author writes against: a SPEC, ``load``, ``generate``, and what they exchange.

Importing this module (and a model's ``model_config``) costs no torch: the API process reads
the SPEC too, to validate requests.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

from common.requests import ResolvedRequest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pipeline = Any
"""Whatever ``load`` returns and ``generate`` takes; nobody else looks inside."""


class Capability(StrEnum):
    """What a checkpoint can do."""

    TEXT_TO_VIDEO = "text_to_video"
    IMAGE_TO_VIDEO = "image_to_video"
    AUDIO = "audio"


class Quantization(StrEnum):
    """How weights are kept in memory."""

    NONE = "none"
    FP8 = "fp8"
    NF4 = "nf4"
    NVFP4 = "nvfp4"


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


@dataclass(frozen=True)
class Limits:
    """The range a checkpoint can make. Inside it requests are snapped, outside it refused.

    Sides are in pixels and multiples of ``size_multiple``; legal frame counts are
    ``frames_step * n + frames_offset``; ``fixed_fps`` set means that every accepted fps becomes
    this one. ``max_seconds`` bounds the length where a model knows time rather than frames.
    ``legal_steps`` are the only numbers of denoising steps; empty is every one in the range.
    """

    size_multiple: int
    min_side: int
    max_side: int
    max_pixels: int
    frames_step: int
    min_frames: int
    max_frames: int
    frames_offset: int = 1
    min_fps: float = 8
    max_fps: float = 60
    fixed_fps: float | None = None
    max_seconds: float | None = None
    min_steps: int = 1
    max_steps: int = 100
    legal_steps: tuple[int, ...] = ()
    max_guidance_scale: float = 20
    takes_negative_prompt: bool = True


@dataclass(frozen=True)
class Defaults:
    """What a request gets that does not say."""

    width: int
    height: int
    num_frames: int
    fps: float
    num_inference_steps: int
    guidance_scale: float
    negative_prompt: str = ""


@dataclass(frozen=True)
class Variant:
    """One checkpoint that a service can serve, and what that checkpoint can do."""

    checkpoint: str
    """Hub id, ``org/name``."""
    revision: str
    """Commit, tag or branch to look for below the models folder."""
    capabilities: frozenset[Capability]
    limits: Limits
    defaults: Defaults
    subfolder: str = ""
    """Where it lies, in a repository that holds several: ``load`` is given this folder."""

    @property
    def name(self) -> str:
        """What ``CHECKPOINT`` calls it: the hub id, and its folder's name where it has one.

        As in ``sand-ai/MAGI-1#4.5B_distill``.
        """
        folder = self.subfolder.rpartition("/")[2]
        return f"{self.checkpoint}#{folder}" if folder else self.checkpoint


@dataclass(frozen=True)
class Memory:
    """Bytes that a job needs on top of the system: to hold the weights, and to run."""

    load_bytes: int
    run_bytes: int


@dataclass(frozen=True)
class LoadOptions:
    """How to bring a checkpoint into memory."""

    quantization: Quantization = Quantization.NONE
    device: str = "auto"
    """``auto`` is the GPU where there is one, else the CPU; or a torch device string."""


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

    def raise_if_cancelled(self) -> None:
        """Leave the job if it was cancelled or called back. Call it at every step.

        Raises:
            JobCancelled: the client cancelled.
            JobReleased: the worker must stop; the job goes back to the queue.
        """


LoadFunction = Callable[[Path, LoadOptions], Pipeline]
GenerateFunction = Callable[[Pipeline, ResolvedRequest, JobContext], VideoClip]
MemoryFunction = Callable[[Path, ResolvedRequest], Memory]
CostFunction = Callable[[ResolvedRequest], float]


@dataclass(frozen=True)
class ModelSpec:
    """One model service. The first variant is the default; ``CHECKPOINT`` picks another.

    ``memory`` and ``cost`` (FLOPs of a request) feed the estimates of ``dry_run``.
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
    quantization: Quantization = Quantization.NONE
    max_batch: int = 1


def load_spec(address: str) -> ModelSpec:
    """Import a SPEC by its address, ``module:NAME``: all that crosses between processes.

    Raises:
        TypeError: something else is there.
    """
    module, _, name = address.partition(":")
    spec = getattr(import_module(module), name)
    if not isinstance(spec, ModelSpec):
        raise TypeError(f"{address} is no ModelSpec")
    return spec
