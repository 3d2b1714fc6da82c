"""A writer that is killed, at any moment, leaves the old entry or none; never half of one."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from common.runtime.cache import WeightCache
from common.runtime.cache_writer import plain_tensors
from tests.unit.cache_writer_child import LAYERS, RECIPE, model

LINEARS = [str(index) for index in range(LAYERS)]
MIB = 2**20


def drafts(cache: Path, pattern: str) -> list[Path]:
    return list(cache.glob(f".draft-*/{pattern}"))


def written(cache: Path) -> int:
    sizes = [path.stat().st_size for path in drafts(cache, "weights.safetensors") if path.exists()]
    return max(sizes, default=0)


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "at once": lambda cache: True,
    "a draft is there": lambda cache: bool(list(cache.glob(".draft-*"))),
    "some weights are written": lambda cache: written(cache) > MIB,
    "most weights are written": lambda cache: written(cache) > 30 * MIB,
    "the manifest is there": lambda cache: bool(drafts(cache, "manifest.json")),
    "it is published": lambda cache: (cache / RECIPE.name).exists(),
}


@pytest.mark.slow
def test_a_killed_writer_leaves_the_whole_entry_or_none(tmp_path: Path):
    folders = [tmp_path / moment for moment in MOMENTS]
    command = [sys.executable, "-W", "ignore", "-m", "tests.unit.cache_writer_child"]
    with ExitStack() as stack:
        children = []
        for folder in folders:
            folder.mkdir()
            child = subprocess.Popen(
                [*command, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            stack.enter_context(child)
            stack.callback(child.kill)
            children.append(child)
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
        for child, folder, is_now in zip(children, folders, MOMENTS.values(), strict=True):
            kill_when(child, folder, is_now)
    whole = [check(folder) for folder in folders]
    assert whole[0] is False
    assert whole[-1] is True


def kill_when(
    child: "subprocess.Popen[bytes]", folder: Path, is_now: Callable[[Path], bool]
) -> None:
    assert child.stdin is not None
    child.stdin.write(b"\n")
    child.stdin.flush()
    while not is_now(folder):
        # It may be over between two looks; what it left must be right all the same.
        if (folder / RECIPE.name).exists():
            break
        assert child.poll() is None
    child.kill()
    child.wait()


def check(folder: Path) -> bool:
    """Whether there is an entry. If so it is read back, checksums and all; it can be replaced."""
    cache = WeightCache(folder)
    entry = cache.open(RECIPE)
    if entry is None:
        assert not (folder / RECIPE.name).exists()
        assert cache.store(RECIPE, model(), LINEARS)
        # A draft that is still empty may be a living writer's: it is swept when it is old.
        assert drafts(folder, "*") == [], "drafts are swept"
        return False
    with entry:
        tensors = dict(entry.tensors(torch.device("cpu")))
    for name, (_, expected) in plain_tensors(model(), LINEARS):
        assert torch.equal(tensors[name].view(torch.uint8), expected.view(torch.uint8))
    return True
