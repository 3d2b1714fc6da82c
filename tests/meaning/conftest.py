"""The small trained model behind its real service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.shapes.obeys import kept_back_scenes
from scripts.shapes.weights import MODELS, install
from tests.integration.test_models import serving
from tests.live import LiveService

MODEL = "waver"
SIX = kept_back_scenes()[::5]
"""Each shape, and most ways, in colours that no clip of the training showed them in."""
LEARNT = ("direction", "colour", "shape")
"""What the weights obey (docs/shapes.md)."""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if MODEL not in MODELS:
        pytest.skip("no trained weights are kept here yet: docs/shapes.md")
    folder = tmp_path_factory.mktemp("models")
    install(MODEL, folder)
    return folder


@pytest.fixture(scope="session")
def waver(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """Not quantized."""
    folder = tmp_path_factory.mktemp(MODEL)
    with serving(MODEL, models, folder, quantization="none", max_queue=500) as service:
        yield service
