"""One function decides what is computed in; it is tried on what other CPUs say of themselves."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.contract.compute_dtype import ComputeDtype, choose_compute_dtype

GENOA = "flags\t\t: fpu sse2 avx2 fma avx512f avx512bw avx512_bf16 avx512_vnni"
SAPPHIRE_RAPIDS = "flags\t\t: avx512f avx512_bf16 amx_bf16 amx_tile amx_int8"
SKYLAKE = "flags\t\t: fpu sse2 avx2 fma avx512f avx512bw avx512vl"
HASWELL = "flags\t\t: fpu sse2 avx2 fma f16c"
GRACE = "Features\t: fp asimd fphp asimdhp sve sve2 svebf16 i8mm bf16"
CORTEX_A72 = "Features\t: fp asimd evtstrm aes crc32 cpuid"


def cpu(folder: Path, flags: str) -> Path:
    path = folder / "cpuinfo"
    path.write_text(f"processor\t: 0\nmodel name\t: made bf16 up\n{flags}\n\n{flags}\n")
    return path


@pytest.mark.parametrize(
    ("flags", "units"),
    [(GENOA, "avx512_bf16"), (SAPPHIRE_RAPIDS, "amx_bf16, avx512_bf16"), (GRACE, "bf16")],
)
def test_a_cpu_with_units_for_it_computes_bfloat16(tmp_path: Path, flags: str, units: str):
    choice = choose_compute_dtype("auto", on_gpu=False, cpuinfo=cpu(tmp_path, flags))
    assert choice.dtype is ComputeDtype.BFLOAT16
    assert choice.reason == f"auto: this CPU multiplies bfloat16 ({units})"


@pytest.mark.parametrize("flags", [SKYLAKE, HASWELL, CORTEX_A72, ""])
def test_any_other_computes_float32(tmp_path: Path, flags: str):
    choice = choose_compute_dtype("auto", on_gpu=False, cpuinfo=cpu(tmp_path, flags))
    assert choice.dtype is ComputeDtype.FLOAT32
    assert choice.reason == "auto: this CPU has no units for bfloat16"


def test_a_cpu_that_tells_nothing_has_none(tmp_path: Path):
    choice = choose_compute_dtype("auto", on_gpu=False, cpuinfo=tmp_path / "missing")
    assert choice.dtype is ComputeDtype.FLOAT32


def test_a_gpu_computes_bfloat16_whatever_the_cpu(tmp_path: Path):
    choice = choose_compute_dtype("auto", on_gpu=True, cpuinfo=cpu(tmp_path, HASWELL))
    assert choice.dtype is ComputeDtype.BFLOAT16


@pytest.mark.parametrize("dtype", list(ComputeDtype))
@pytest.mark.parametrize("on_gpu", [True, False])
def test_a_setting_by_hand_wins(tmp_path: Path, dtype: ComputeDtype, on_gpu: bool):
    choice = choose_compute_dtype(dtype, on_gpu=on_gpu, cpuinfo=cpu(tmp_path, GENOA))
    assert (choice.dtype, choice.reason) == (dtype, "set by COMPUTE_DTYPE")


def test_there_is_no_other_format():
    with pytest.raises(ValueError, match="float16"):
        choose_compute_dtype("float16", on_gpu=True)


def test_bytes():
    assert [dtype.itemsize for dtype in ComputeDtype] == [2, 4]


def test_it_is_told_without_torch():
    code = (
        "import sys, common.contract.compute_dtype as c, common.memory.demand;"
        "c.choose_compute_dtype('auto', on_gpu=False); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
