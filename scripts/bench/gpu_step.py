"""Times the denoising steps of one transformer: by scheme, attention backend, compiled or not."""

import gc
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import torch

from common.contract import LoadOptions, Quantization
from common.runtime.acceleration import accelerate
from common.runtime.attention import running_backends
from common.runtime.quantization import quantize_
from common.runtime.scheme_choice import runnable_schemes
from scripts.bench.gpu_subject import Call, Subject, build
from scripts.bench.report import median

WARM_UP = 1
"""Steps that do not count: kernels are chosen, compiled and loaded in them."""


@dataclass(frozen=True)
class Setup:
    """What to measure; None is what runs here."""

    schemes: tuple[Quantization, ...] | None
    backends: tuple[str, ...] | None
    compiles: bool
    steps: int


@dataclass(frozen=True)
class Measured:
    """One way to run one case. ``peak_bytes`` is the GPU's; on a CPU, the process's memory."""

    title: str
    case: str
    scheme: Quantization
    backend: str
    compiled: bool
    seconds: float
    unit: str
    peak_bytes: int
    flops: float | None

    @property
    def group(self) -> str:
        """Model and size."""
        return f"{self.title}, {self.case}"

    @property
    def name(self) -> str:
        """How it was run."""
        scheme = "bf16" if self.scheme is Quantization.NONE else str(self.scheme)
        return f"{scheme}, {self.backend}" + (", compiled" if self.compiled else "")

    @property
    def alike(self) -> tuple[str, str, str, bool]:
        """The same for two that differ in scheme alone."""
        return (self.title, self.case, self.backend, self.compiled)


def measure(subject: Subject, device: torch.device, setup: Setup) -> Iterator[Measured]:
    """Every scheme in turn, since two sets of weights may not fit beside each other."""
    for scheme in _schemes(subject, device, setup):
        yield from _measure_scheme(subject, scheme, device, setup)
        _clear(device)


def _schemes(subject: Subject, device: torch.device, setup: Setup) -> list[Quantization]:
    wanted = setup.schemes or (subject.scheme, Quantization.FP8_COMPUTE)
    reasons = runnable_schemes(device)
    for scheme in wanted:
        if reasons[scheme] is not None:
            print(f"  {scheme} is left out: {reasons[scheme]}")
    runs = [scheme for scheme in wanted if reasons[scheme] is None]
    return list(dict.fromkeys((Quantization.NONE, *runs)))


def _measure_scheme(
    subject: Subject, scheme: Quantization, device: torch.device, setup: Setup
) -> Iterator[Measured]:
    torch.manual_seed(0)
    model: Any = build(subject, device)
    if scheme is not Quantization.NONE:
        quantize_(model, scheme, subject.keep(scheme))
    # Backends differ in what all schemes do alike, so they are compared once.
    backends: Sequence[str] = ["native"]
    if subject.tunable and (setup.backends or scheme is Quantization.NONE):
        backends = setup.backends or running_backends(model, device)
    ways = [(backend, False) for backend in backends]
    if setup.compiles and subject.tunable:  # last: a compiled model stays compiled
        ways.append(("native", True))
    for backend, compiled in ways:
        accelerate(model, LoadOptions(attention_backend=backend, compile_blocks=compiled), device)
        for case in subject.cases:
            torch.compiler.reset()
            seconds, peak_bytes = time_steps(model, subject.step(case, device), device, setup.steps)
            yield Measured(
                title=subject.title,
                case=case.name,
                scheme=scheme,
                backend=backend,
                compiled=compiled,
                seconds=seconds,
                unit=subject.unit,
                peak_bytes=peak_bytes,
                flops=subject.flops(case),
            )


@torch.no_grad()
def time_steps(
    model: Any, calls: Sequence[Call], device: torch.device, steps: int
) -> tuple[float, int]:
    """Median seconds of a step, and the most memory that was in use.

    Raises:
        ArithmeticError: the output holds NaN or infinity, so the time would mean nothing.
    """
    _reset_peak(device)
    for _ in range(WARM_UP):
        output = _step(model, calls)
    if not torch.isfinite(output).all():
        raise ArithmeticError("the transformer's output is not finite")
    times = [_timed(model, calls, device) for _ in range(steps)]
    return median(times), _peak_bytes(device)


def _step(model: Any, calls: Sequence[Call]) -> torch.Tensor:
    for call in calls:
        output = model(**call)
    answer: torch.Tensor = output if isinstance(output, torch.Tensor) else output[0]
    return answer


def _timed(model: Any, calls: Sequence[Call], device: torch.device) -> float:
    _synchronize(device)
    started = time.perf_counter()
    _step(model, calls)
    _synchronize(device)
    return time.perf_counter() - started


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return psutil.Process().memory_info().rss


def _clear(device: torch.device) -> None:
    gc.collect()
    torch.compiler.reset()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def device_name(device: torch.device) -> str:
    """As the driver calls it."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
