"""What this process holds of the pool, and its peak."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import psutil
import pynvml
import pytest

from common.memory.bound import release_cached
from common.memory.probe import CONTEXT_BYTES, PAGE_BYTES, MemoryKind, PeakMeter, process_bytes
from tests.unit.memory.probe_machines import GIB, Machine, rtx

MIB = 1024**2
ROOT = Path(__file__).parents[3]
SLACK = 8 * MIB
"""Interpreter noise, and the kernel's counters of resident pages, which lag a little."""


@dataclass
class Cuda:
    """A ``torch.cuda`` by hand: this machine has no GPU."""

    started: bool = True
    integrated: bool = True
    reserved: int = 3 * GIB
    peak: int = 5 * GIB

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return self.started

    def memory_reserved(self) -> int:
        return self.reserved

    def max_memory_reserved(self) -> int:
        return self.peak

    def empty_cache(self) -> None:
        self.reserved = 0

    def reset_peak_memory_stats(self) -> None:
        self.peak = self.reserved

    def mem_get_info(self) -> tuple[int, int]:
        return 10 * GIB, 24 * GIB

    def get_device_properties(self, index: int) -> SimpleNamespace:
        return SimpleNamespace(is_integrated=self.integrated)


@pytest.fixture(autouse=True)
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an API process, whatever other tests have loaded."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def load_torch(monkeypatch: pytest.MonkeyPatch, cuda: object) -> None:
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [MemoryKind.CPU, MemoryKind.FILE, MemoryKind.UNIFIED])
def test_without_torch_a_process_holds_its_resident_set(kind: MemoryKind):
    assert process_bytes(kind) == pytest.approx(psutil.Process().memory_info().rss, abs=SLACK)


def test_without_torch_a_process_holds_nothing_of_a_gpu():
    assert process_bytes(MemoryKind.GPU) == 0


def test_what_torch_keeps_for_later_is_given_back(monkeypatch: pytest.MonkeyPatch):
    release_cached()  # without torch there is nothing
    cuda = Cuda(started=False)
    load_torch(monkeypatch, cuda)
    release_cached()
    assert cuda.reserved, "CUDA is not started for it"
    cuda.started = True
    release_cached()
    assert process_bytes(MemoryKind.GPU) == CONTEXT_BYTES


def test_what_cuda_holds_counts_by_kind(monkeypatch: pytest.MonkeyPatch):
    resident = process_bytes(MemoryKind.CPU)
    load_torch(monkeypatch, Cuda())
    unified = process_bytes(MemoryKind.UNIFIED)
    assert unified == pytest.approx(resident + 3 * GIB, abs=SLACK)
    assert process_bytes(MemoryKind.GPU) == 3 * GIB + CONTEXT_BYTES
    assert process_bytes(MemoryKind.CPU) == pytest.approx(resident, abs=SLACK)


@pytest.mark.parametrize("cuda", [None, SimpleNamespace(), Cuda(started=False)])
def test_torch_that_is_being_imported_or_has_no_gpu_in_use_holds_nothing(
    monkeypatch: pytest.MonkeyPatch, cuda: object
):
    load_torch(monkeypatch, cuda)
    assert process_bytes(MemoryKind.GPU) == 0


PEAK = f"""
from common.memory.probe import MemoryKind, PeakMeter, process_bytes
meter = PeakMeter(MemoryKind.CPU)
meter.reset()
before = process_bytes(MemoryKind.CPU)
held = b"x" * {96 * MIB}
del held
print(meter.peak_bytes() - before)
meter.reset()
print(meter.peak_bytes() - before)
"""


def test_the_peak_is_seen_between_two_looks_and_can_be_forgotten():
    """In a process of its own: in this one, what earlier tests held is given back meanwhile."""
    ended = subprocess.run(
        [sys.executable, "-c", PEAK], capture_output=True, check=True, text=True, cwd=ROOT
    )
    seen, forgotten = map(int, ended.stdout.split())
    assert seen == pytest.approx(96 * MIB, abs=SLACK)
    assert forgotten < SLACK


def test_the_peaks_of_cpu_and_gpu_are_added(monkeypatch: pytest.MonkeyPatch):
    cuda = Cuda()
    load_torch(monkeypatch, cuda)
    unified, gpu = PeakMeter(MemoryKind.UNIFIED), PeakMeter(MemoryKind.GPU)
    unified.reset()
    assert gpu.peak_bytes() == 3 * GIB + CONTEXT_BYTES  # reset forgot the 5 GiB
    cuda.peak = 7 * GIB
    resident = process_bytes(MemoryKind.CPU)
    assert unified.peak_bytes() == pytest.approx(resident + 7 * GIB, abs=SLACK)
    assert gpu.peak_bytes() == 7 * GIB + CONTEXT_BYTES


class Frozen:
    """A ``/proc`` whose ``clear_refs`` cannot be written: a folder stands in its place."""

    def __init__(self, folder: Path) -> None:
        self.own = folder / "self"
        (self.own / "clear_refs").mkdir(parents=True)

    def shows(self, pages: int, peak_kib: int | None) -> None:
        (self.own / "statm").write_text(f"999 {pages} 1 1 0 1 0\n")
        peak = "" if peak_kib is None else f"VmHWM:\t{peak_kib:8} kB\n"
        (self.own / "status").write_text(f"Name:\tpython\n{peak}Threads:\t1\n")


def test_where_the_peak_cannot_be_reset_a_new_one_counts(tmp_path: Path):
    proc = Frozen(tmp_path)
    meter = PeakMeter(MemoryKind.CPU, proc=tmp_path)
    proc.shows(pages=100, peak_kib=900_000)
    meter.reset()
    proc.shows(pages=200, peak_kib=900_001)
    assert meter.peak_bytes() == 900_001 * 1024


@pytest.mark.parametrize("peak_kib", [900_000, None])
def test_and_an_old_one_does_not_what_was_sampled_does(tmp_path: Path, peak_kib: int | None):
    proc = Frozen(tmp_path)
    meter = PeakMeter(MemoryKind.CPU, proc=tmp_path)
    proc.shows(pages=100, peak_kib=peak_kib)
    meter.reset()
    proc.shows(pages=500, peak_kib=peak_kib)
    meter.sample()
    proc.shows(pages=300, peak_kib=peak_kib)
    assert meter.peak_bytes() == 500 * PAGE_BYTES


def test_where_nvml_fails_torch_is_asked_if_it_uses_the_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    nvml = rtx()
    probe = Machine(tmp_path).detect(nvml=nvml)
    load_torch(monkeypatch, Cuda(integrated=False))
    nvml.memory = pynvml.NVML_ERROR_UNKNOWN
    reading = probe.read()
    assert (reading.kind, reading.source) == (MemoryKind.GPU, "torch")
    assert (reading.total_bytes, reading.available_bytes) == (24 * GIB, 10 * GIB)


@pytest.mark.parametrize(
    ("integrated", "kind", "total"),
    [(True, MemoryKind.UNIFIED, 65_670_136 * 1024), (False, MemoryKind.GPU, 24 * GIB)],
)
def test_without_nvml_torch_knows_whether_the_gpu_is_integrated(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    integrated: bool,
    kind: MemoryKind,
    total: int,
):
    load_torch(monkeypatch, Cuda(integrated=integrated))
    reading = Machine(tmp_path).detect().read()
    assert (reading.kind, reading.total_bytes) == (kind, total)


def test_neither_detection_nor_measuring_imports_torch():
    code = (
        "import sys; from common.memory.probe import *; "
        "pool = detect('auto').read(); meter = PeakMeter(pool.kind); meter.reset(); "
        "meter.peak_bytes(); process_bytes(pool.kind); print('torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_torch_is_looked_up_in_one_place():
    texts = [path.read_text() for path in (ROOT / "common" / "memory").glob("*.py")]
    assert sum(text.count("sys.modules") for text in texts) == 1
    assert not [text for text in texts if "import torch" in text]
