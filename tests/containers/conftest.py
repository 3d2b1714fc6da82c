"""One stack for all tests here, on tiny random weights. Skipped without TEST_CONTAINERS."""

import os
from collections.abc import Iterator

import pytest

from scripts.make_tiny_checkpoints import MODELS as TINY
from tests.containers.stack import Stack

SETTINGS = {
    "LOG_FORMAT": "text",
    "MIN_RESIDENCE_SECONDS": 0,
    "DRAIN_SECONDS": 40,
    "AUTO_UNLOAD_MINUTES": -1,
    "MEMORY_KIND": "cpu",
    "TRAINER_CHECKPOINT": "Wan-AI/Wan2.1-T2V-14B-Diffusers",  # that of wan21, which uses its LoRA
}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Images from this working tree; nothing runs yet, and nothing is left of earlier runs."""
    if not os.environ.get("TEST_CONTAINERS"):
        pytest.skip("needs Docker: make test-containers")
    stack = Stack(tmp_path_factory.mktemp("stack") / "env")
    stack.configure(**SETTINGS)
    stack.destroy()
    stack.make("base", "build", "CPU=1")
    yield stack
    stack.close()


@pytest.fixture(scope="session")
def running(built: Stack) -> Stack:
    """All services, healthy, with tiny checkpoints that were made in their own containers."""
    print(f"\nmake up: all healthy after {built.up():.0f} s")
    for model in TINY:
        command = ("-m", "scripts.make_tiny_checkpoints", model, "--models-dir", "/models")
        built.inside(model, "python", *command)
    return built


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The stack, up; what a test has changed of it is made good."""
    yield running
    if running.settings != SETTINGS:
        running.settings.clear()
        running.configure(**SETTINGS)
        running.make("restart")
    running.up()
