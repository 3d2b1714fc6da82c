"""The number format that a model computes in, and why. No torch: the API process asks too."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

AUTO = "auto"
"""Whatever suits the device."""

CPUINFO = Path("/proc/cpuinfo")

BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""A CPU with one of these multiplies bfloat16: the first two are Intel's and AMD's, the last is
Arm's (Linux, arch/x86/include/asm/cpufeatures.h and arch/arm64/kernel/cpuinfo.c). AVX2 and plain
AVX-512 do not count: there torch takes bfloat16 apart number by number, up to 70 times slower."""


class ComputeDtype(StrEnum):
    """What weights and activations are kept in where nothing else is said; torch's own names."""

    BFLOAT16 = "bfloat16"
    """What the models here are published and trained in."""
    FLOAT32 = "float32"

    @property
    def itemsize(self) -> int:
        """Bytes of one number."""
        return 2 if self is ComputeDtype.BFLOAT16 else 4


@dataclass(frozen=True)
class Choice:
    """A format, and why it was chosen, in words for a person."""

    dtype: ComputeDtype
    reason: str


def choose_compute_dtype(asked: str, *, on_gpu: bool, cpuinfo: Path = CPUINFO) -> Choice:
    """The one place where the format is decided.

    On a GPU bfloat16: every one since Ampere has it in its matrix units. On a CPU bfloat16 where
    there are units for it, else float32: it takes twice the memory and is many times faster.

    Args:
        asked: COMPUTE_DTYPE: a format, or ``auto``.
        on_gpu: where the model will run.
        cpuinfo: what Linux says of the CPU. Where it cannot be read, there are no such units.

    Raises:
        ValueError: there is no such format.
    """
    if asked != AUTO:
        return Choice(ComputeDtype(asked), "set by COMPUTE_DTYPE")
    if on_gpu:
        return Choice(ComputeDtype.BFLOAT16, "auto: GPUs multiply bfloat16")
    if units := bf16_units(cpuinfo):
        return Choice(ComputeDtype.BFLOAT16, f"auto: this CPU multiplies bfloat16 ({units})")
    return Choice(ComputeDtype.FLOAT32, "auto: this CPU has no units for bfloat16")


def bf16_units(cpuinfo: Path = CPUINFO) -> str:
    """The flags that say so, with commas; empty where there are none."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    # "flags" of the first core on x86, "Features" on Arm. All cores have the same.
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return ", ".join(sorted(BF16_FLAGS & set(flags.partition(":")[2].split())))
