"""Everything here needs a CUDA device, and is skipped without one. Weights are random and tiny."""

import gc
from collections.abc import Iterator
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import pytest
import torch

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    without = pytest.mark.skip(reason="no CUDA device")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            if not torch.cuda.is_available():
                item.add_marker(without)


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@pytest.fixture(scope="session")
def wan_snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from scripts.tiny import wan21

    return wan21.build_2_1(tmp_path_factory.mktemp("wan"))[0]


@pytest.fixture(scope="session")
def ltx2_snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from scripts.tiny import ltx2

    return ltx2.build(tmp_path_factory.mktemp("ltx2"))[0]
