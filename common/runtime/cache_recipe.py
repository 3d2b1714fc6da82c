"""What quantized weights depend on, in one digest: another digest is another cache entry."""

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from common.contract import Quantization
from common.runtime import linear_fp8, linear_nf4, linear_torchao
from common.runtime.conversion import Conversion, as_stored
from common.runtime.live_weights import LiveWeights
from common.runtime.weights import checkpoint_name

FORMAT = 1
"""To be raised when entries are laid out otherwise."""
PACKAGES = ("torch", "torchao", "bitsandbytes", "diffusers", "transformers")
_DIGITS = 16
_METHODS = (linear_fp8, linear_nf4, linear_torchao)


@dataclass(frozen=True)
class Recipe:
    """How one component's quantized weights come about. ``facts`` is JSON."""

    component: str
    facts: dict[str, Any]

    @property
    def name(self) -> str:
        """The entry's folder: ``<component>-<digest>``."""
        text = json.dumps(self.facts, sort_keys=True).encode()
        return f"{self.component}-{hashlib.sha256(text).hexdigest()[:_DIGITS]}"


def recipe_for(
    folder: Path,
    live: LiveWeights,
    linears: Mapping[str, Quantization],
    *,
    device: torch.device,
    dtype: torch.dtype,
    adapter: Path | None = None,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    conversion: Conversion = as_stored,
) -> Recipe:
    """The recipe of the component in ``folder``, which is called ``name`` or as the folder is.

    ``live`` are its files. They count by name, size and time, so that nothing of them is read; the
    layers that are quantized count by name and scheme, which covers every rule that chose them; and
    the code that converts and quantizes by its text, so that a change of it is never served old
    weights.

    Raises:
        OSError: a file is missing.
    """
    checkpoint = folder.parent
    facts = {
        "format": FORMAT,
        "checkpoint": checkpoint_name(checkpoint),
        "revision": checkpoint.name,
        "files": [_identity(path) for path in sorted(live.paths)],
        "adapter": _identity(adapter) if adapter else None,
        "config": _digest(_config(folder, config)),
        "linears": _digest("\n".join(f"{n} {linears[n]}" for n in sorted(linears)).encode()),
        "device": device.type,
        "dtype": str(dtype),
        "versions": {package: _version(package) for package in PACKAGES},
        "code": [_digest(path.read_bytes()) for path in _code(conversion)],
    }
    return Recipe(name or folder.name, facts)


def _config(folder: Path, config: Mapping[str, Any] | None) -> bytes:
    if config is None:
        return (folder / "config.json").read_bytes()
    return json.dumps(dict(config), sort_keys=True).encode()


def _code(conversion: Conversion) -> list[Path]:
    files = [Path(str(module.__file__)) for module in _METHODS]
    return files if conversion is as_stored else [*files, Path(inspect.getfile(conversion))]


def _identity(path: Path) -> list[str | int]:
    status = path.stat()
    return [path.name, status.st_size, status.st_mtime_ns]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
