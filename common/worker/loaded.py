"""What a job is made with: a loaded model, or none."""

from dataclasses import dataclass
from typing import Any

from common.contract.variants import Checkpoint


@dataclass(frozen=True)
class LoadedModel:
    """A pipeline, and the checkpoint that it really came from."""

    pipeline: Any
    checkpoint: Checkpoint


def no_turn(batch: int = 1) -> None:
    """Ends the turn of a job that has none on the GPU."""
    del batch
