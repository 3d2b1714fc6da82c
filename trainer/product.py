"""What a training makes, between the model and its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from common.media.clip import VideoClip


class Writer(Protocol):
    """Writes the LoRA; only who trained it needs torch for that."""

    def __call__(self, path: Path, told: Mapping[str, str], /) -> None: ...


@dataclass(frozen=True)
class Trained:
    """A LoRA, the loss of each step, and a video that shows what was learnt."""

    write: Writer
    losses: Sequence[float]
    validation: VideoClip
