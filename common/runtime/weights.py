"""What can be told of a checkpoint on disk without loading it. No torch here."""

import json
import math
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from common.errors import CheckpointError
from common.hub import download_command

_MAX_HEADER_BYTES = 100_000_000
"""The format's own limit (safetensors, safetensors/src/tensor.rs, MAX_HEADER_SIZE)."""


def checkpoint_name(checkpoint: Path) -> str:
    """The hub id of a snapshot in a hub cache (``models--org--name/snapshots/<revision>``).

    So it is for a folder below one. Any other folder is called by its own name. Good for
    messages: it holds no path.
    """
    for folder in (checkpoint, *checkpoint.parents):
        repository = folder.parent.parent.name
        if folder.parent.name == "snapshots" and repository.startswith("models--"):
            return "/".join(repository.split("--")[1:])
    return checkpoint.name


def download_hint(checkpoint: Path) -> str:
    """What to run to have a damaged checkpoint whole again; good files are not fetched twice."""
    return f"Fetch it again: {download_command(checkpoint_name(checkpoint))}"


def read_config(checkpoint: Path, component: str) -> dict[str, Any]:
    """The ``config.json`` of one component of a checkpoint. Raises CheckpointError."""
    try:
        text = (checkpoint / component / "config.json").read_text(encoding="utf-8")
        config: dict[str, Any] = json.loads(text)
    except (OSError, ValueError) as exc:
        raise CheckpointError(
            f"{component}/config.json of {checkpoint_name(checkpoint)} is missing or damaged.",
            hint=download_hint(checkpoint),
        ) from exc
    return config


def parameter_count(checkpoint: Path, components: Collection[str] = ()) -> int:
    """Numbers held by the safetensors files of a diffusers checkpoint.

    It counts elements, not bytes of files: some are published in float32 and loaded in bfloat16.

    Args:
        checkpoint: folder with one folder per component.
        components: the folders to count; empty takes every folder. Files beside
            ``model_index.json`` are other forms of the same weights and never count.

    Raises:
        CheckpointError: a header cannot be read.
    """
    return sum(_elements(path) for path in _files(checkpoint, components))


def _files(checkpoint: Path, components: Collection[str]) -> Iterator[Path]:
    for path in sorted(checkpoint.glob("*/*.safetensors")):
        if not components or path.parent.name in components:
            yield path


def stored_shapes(
    checkpoint: Path, components: Collection[str] = ()
) -> Iterator[tuple[str, list[int]]]:
    """Names and shapes of what ``parameter_count`` counts. Raises like it."""
    for path in _files(checkpoint, components):
        yield from _shapes(path).items()


def _elements(path: Path) -> int:
    return sum(math.prod(shape) for shape in _shapes(path).values())


def _shapes(path: Path) -> dict[str, list[int]]:
    try:
        header = _header(path)
        return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
    except (OSError, ValueError, KeyError, TypeError, struct.error) as exc:
        raise CheckpointError(
            f"the weights file {path.parent.name}/{path.name} is damaged.",
            hint=download_hint(path.parent.parent),
        ) from exc


def _header(path: Path) -> dict[str, dict[str, list[int]]]:
    """The JSON header: its length as 8 bytes, little endian, then the text.

    See huggingface/safetensors, README.md, "Format".
    """
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > _MAX_HEADER_BYTES:
            raise ValueError("the header is longer than the format allows")
        header: dict[str, dict[str, list[int]]] = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise TypeError("the header is no JSON object")
    return header
