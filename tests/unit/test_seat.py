"""A worker's place in the pool of unified memory: what torch finds, and what a load may hold."""

import os
import weakref
from pathlib import Path

import pytest

from common.base.errors import OutOfMemory
from common.base.settings import Settings
from common.contract import Quantization
from common.contract.hub import locate
from common.contract.kind import plain
from common.contract.loading import Memory
from common.contract.schemes import Choice
from common.contract.variants import Checkpoint
from common.memory.bound import ALLOCATOR_SETTINGS
from common.memory.opening import open_pool
from common.memory.pool import Lease, Rules
from common.worker.load_options import load_options
from common.worker.seat import open_seat
from tests.toy.model_config import SPEC, make_checkpoint
from tests.unit.memory.pools import GB


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is set here goes again."""
    for name in ALLOCATOR_SETTINGS:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def settings(folder: Path, kind: str) -> Settings:
    return Settings.model_validate({"state_dir": folder, "memory_kind": kind})


def test_unified_memory_has_growing_segments_and_a_bound(tmp_path: Path):
    seat = open_seat(settings(tmp_path, "unified"), SPEC)
    assert os.environ["PYTORCH_ALLOC_CONF"] == "expandable_segments:True"
    # Nothing is granted yet: what is held, and the margin, less what is held.
    assert seat.cuda_bytes is not None
    assert 0 < seat.cuda_bytes <= Rules(floor_bytes=8 * GB).margin_bytes * 1.1


def test_what_a_job_has_freed_goes_back_before_what_is_held_is_told(tmp_path: Path):
    seat, told = open_seat(settings(tmp_path, "cpu"), SPEC), list[Lease]()
    ledger = open_pool(settings(tmp_path, "cpu")).ledger
    seat.give_back = lambda: told.extend(ledger.leases())
    make_checkpoint(tmp_path / "models")
    seat.locate = lambda: locate(tmp_path / "models", SPEC.variants[0])
    request = plain(SPEC.kind, SPEC.variants[0])
    with seat.warmth(request, lambda _: None):
        assert told == []
    ((before,), (after,)) = told, ledger.leases()
    assert (before.busy, after.busy) == (True, False)


def test_what_a_failed_job_held_is_let_go_of_before_what_is_held_is_told(tmp_path: Path):
    """The frames of its error, and of what that was made from, hold its tensors."""
    seat, tensors = open_seat(settings(tmp_path, "cpu"), SPEC), list[weakref.ref[Settings]]()
    make_checkpoint(tmp_path / "models")
    seat.locate = lambda: locate(tmp_path / "models", SPEC.variants[0])
    request = plain(SPEC.kind, SPEC.variants[0])

    def step() -> None:
        tensor = Settings()
        tensors.append(weakref.ref(tensor))
        raise RuntimeError

    def denoise() -> None:
        try:
            step()
        except RuntimeError as exc:
            raise OutOfMemory("It did not fit.") from exc

    seat.give_back = lambda: tensors.append(tensors[-1]) if tensors and tensors[-1]() else None
    with pytest.raises(OutOfMemory), seat.warmth(request, lambda _: None):
        denoise()
    assert len(tensors) == 1, "it was still there when memory was given back"


def test_what_a_load_has_freed_goes_back_before_its_weights_are_told(tmp_path: Path):
    seat = open_seat(settings(tmp_path, "cpu"), SPEC)
    make_checkpoint(tmp_path / "models")
    seat.locate = lambda: locate(tmp_path / "models", SPEC.variants[0])
    (tmp_path / SPEC.id).mkdir()
    held = [0]
    seat.give_back = lambda: held.__setitem__(0, GB)
    seat.used_bytes = lambda: held[0]
    with seat.loading():
        held[0] = 9 * GB
    weights, guess = seat.appraiser.weights(seat.locate()), Memory(9 * GB, 9 * GB)
    assert seat.appraiser.experience.corrected(weights, "a", guess).memory.load_bytes == GB


def test_other_memory_has_neither(tmp_path: Path):
    seat = open_seat(settings(tmp_path, "cpu"), SPEC)
    assert not any(name in os.environ for name in ALLOCATOR_SETTINGS)
    assert seat.cuda_bytes is None


def test_the_bound_the_look_and_the_format_reach_the_loader(tmp_path: Path):
    looks: list[str] = []
    options = load_options(
        Settings(compute_dtype="float32"),
        Checkpoint("a/b", "r", tmp_path),
        Choice(Quantization.FP8, "asked for"),
        on_bytes=lambda *_: None,
        on_report=lambda _: None,
        cuda_bytes=7,
        while_busy=lambda: looks.append("looked"),
    )
    options.while_busy()
    assert (options.cuda_bytes, options.compute_dtype, looks) == (7, "float32", ["looked"])
