"""Tells whether two jobs come out the same, by all that decides what is made.

What is asked for is known before a model is loaded, and what is loaded follows from it alone: the
scheme by a rule that knows nothing that changes (``common.memory.choice``), the number format by
the device. So a service can tell with nothing in memory, as a worker can that has just made one.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

from common import __version__
from common.base.settings import Settings
from common.contract.model import ModelSpec
from common.contract.variants import Checkpoint
from common.contract.work import Resolved

_SETTINGS = ("device", "compute_dtype", "attention_backend", "compile_blocks", "group_offload")
"""How a model computes; its scheme is a part of ``weights``."""
_LIBRARIES = ("torch", "diffusers", "transformers")
"""Another version of one may draw other frames from the same seed."""


@dataclass(frozen=True)
class Fingerprints:
    """Of one service's jobs. ``weights`` names what a checkpoint is loaded as."""

    spec: ModelSpec
    settings: Settings
    weights: Callable[[Checkpoint], str]

    def of(
        self, request: Resolved, uploads: Mapping[str, str], checkpoint: Checkpoint
    ) -> str | None:
        """The same for jobs that come out the same, and for no others; None: nobody can tell.

        Args:
            request: the kind's, as it is recorded.
            uploads: by field, the ``digest`` of each file that it begins with.
            checkpoint: what makes it, or has made it.

        Raises:
            CheckpointError: a configuration or a weights file is damaged.
        """
        if (decisive := self.decisive(request)) is None:
            return None
        weights = self.weights(checkpoint) if request.needs_model else ""
        parts = {
            "request": decisive,
            "uploads": uploads,
            "checkpoint": [checkpoint.id, checkpoint.revision, weights],
            "settings": {name: getattr(self.settings, name) for name in _SETTINGS},
            "versions": {"videosdgx": __version__, **_versions()},
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def decisive(self, request: Resolved) -> Mapping[str, Any] | None:
        """What of a request decides; None where nobody asks, or nobody can tell."""
        if not self.settings.request_cache:
            return None
        return self.spec.kind.decisive(request, self.settings)


def digest(file: BinaryIO | Path) -> str:
    """SHA-256 of all of a file, in hexadecimal."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return digest(opened)
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


@cache
def _versions() -> Mapping[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a service whose model needs none
            continue
    return found
