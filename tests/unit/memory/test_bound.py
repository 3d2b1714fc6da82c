"""How a lease becomes the bound of torch's allocator on unified memory."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.memory.bound import allocator_settings, bound_cuda, cuda_bytes
from common.memory.pool import Rules
from common.memory.probe import PAGE_BYTES, MemoryKind
from tests.unit.memory.pools import GB, Machine, join
from tests.unit.memory.probe_machines import GIB, SPARK_BYTES
from tests.unit.memory.test_arbiter import ask


@dataclass
class Cuda:
    """A ``torch.cuda`` by hand that only takes bounds."""

    started: bool = True
    fractions: list[float] = field(default_factory=list)

    def is_initialized(self) -> bool:
        return self.started

    def get_device_properties(self, _index: int) -> SimpleNamespace:
        return SimpleNamespace(total_memory=SPARK_BYTES)

    def set_per_process_memory_fraction(self, fraction: float) -> None:
        assert 0 <= fraction <= 1
        self.fractions.append(fraction)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    cuda = Cuda()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))  # type: ignore[arg-type]
    return cuda


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A process that holds 2 GiB by itself."""
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "statm").write_text(f"999999 {2 * GIB // PAGE_BYTES} 5 1 0 9 0")
    return tmp_path


def test_cuda_may_take_what_the_process_does_not_hold_already(cuda: Cuda, proc: Path):
    bound_cuda(MemoryKind.UNIFIED, 42 * GIB, proc=proc)
    assert cuda.fractions == [pytest.approx(40 * GIB / SPARK_BYTES)]
    assert cuda_bytes(42 * GIB, proc=proc) == 40 * GIB


def test_a_bound_is_never_negative_and_never_more_than_all(cuda: Cuda, proc: Path):
    bound_cuda(MemoryKind.UNIFIED, GIB, proc=proc)
    bound_cuda(MemoryKind.UNIFIED, 500 * GIB, proc=proc)
    assert cuda.fractions == [0, 1]


@pytest.mark.parametrize("kind", [MemoryKind.GPU, MemoryKind.CPU, MemoryKind.FILE])
def test_other_memory_has_no_bound(cuda: Cuda, proc: Path, kind: MemoryKind):
    bound_cuda(kind, 42 * GIB, proc=proc)
    assert cuda.fractions == []


def test_cuda_is_not_started_for_a_bound(cuda: Cuda, proc: Path):
    cuda.started = False
    bound_cuda(MemoryKind.UNIFIED, 42 * GIB, proc=proc)
    assert cuda.fractions == []


def test_the_bound_follows_the_lease(tmp_path: Path):
    """With the rules' margin on top: 2 GB here."""
    told: list[int] = []
    worker = join(Machine(), tmp_path, "waver", Rules(floor_bytes=8 * GB), bound=told.append)
    ask(worker, 30)
    assert told == [32 * GB]
    worker.hold(20 * GB)
    worker.arbiter.loaded()
    assert worker.arbiter.widen(10 * GB, seconds=9)
    assert told == [32 * GB, 32 * GB, 42 * GB]
    worker.arbiter.finish()
    assert told[-1] == worker.arbiter.most_bytes == 22 * GB
    ask(worker, 5)
    assert told[-1] == 27 * GB


def test_segments_grow_on_unified_memory_unless_an_operator_says_otherwise():
    grow = {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}
    assert allocator_settings(MemoryKind.UNIFIED, {"PATH": "/bin"}) == grow
    for name in ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"):
        assert allocator_settings(MemoryKind.UNIFIED, {name: "max_split_size_mb:64"}) == {}
    assert allocator_settings(MemoryKind.GPU, {}) == {}
