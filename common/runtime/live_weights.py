"""Which files of a component's folder are its weights. No torch here.

A folder may hold several sets: ``Lightricks/LTX-2`` keeps an older text encoder in the names of
diffusers beside the live one in those of transformers, ``Lightricks/LTX-2.5-Diffusers`` the same
transformer cut into four and into eight, and many repositories float16 beside float32. Each library
knows its own name only, and of shards those that its index lists. So it is done here.
"""

import json
import math
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from common.runtime.safetensors_format import DamagedFile, Entry, read_header
from common.runtime.weights import damaged, missing, refused


class Naming(StrEnum):
    """What a library calls its weights: ``<name>.safetensors``, or an index and shards."""

    DIFFUSERS = "diffusion_pytorch_model"
    TRANSFORMERS = "model"

    @property
    def single(self) -> str:
        """The one file."""
        return f"{self}.safetensors"

    @property
    def shard_index(self) -> str:
        """What lists the shards."""
        return f"{self}.safetensors.index.json"

    @property
    def in_order(self) -> tuple[str, str]:
        """Where both are there, the first is taken: each library has an order of its own."""
        files = (self.shard_index, self.single)
        return files if self is Naming.DIFFUSERS else (files[1], files[0])


PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


@dataclass(frozen=True)
class LiveWeights:
    """The files that are read, and which tensor an index promises in which of them."""

    paths: tuple[Path, ...]
    promised: Mapping[str, str] = field(default_factory=dict)


def naming_of(library: str) -> Naming:
    """By the library that ``model_index.json`` names; pipelines' own modules are diffusers'."""
    return Naming.TRANSFORMERS if library == "transformers" else Naming.DIFFUSERS


def naming_for(cls: Any) -> Naming:
    """By a class: all models of diffusers have ``load_config``, none of transformers has."""
    return Naming.DIFFUSERS if hasattr(cls, "load_config") else Naming.TRANSFORMERS


def live_weights(folder: Path, naming: Naming) -> LiveWeights:
    """What ``folder`` holds in the library's own names.

    Raises:
        CheckpointError: there is nothing, or pickles only, or the index cannot be followed.
    """
    found = next((name for name in naming.in_order if (folder / name).exists()), None)
    if found is None:
        raise _nothing(folder, naming)
    if found == naming.single:
        return LiveWeights((folder / found,))
    shards = _shards(folder, folder / found)
    return LiveWeights(tuple(folder / name for name in dict.fromkeys(shards.values())), shards)


def parameter_count(checkpoint: Path, components: Collection[str] = ()) -> int:
    """Numbers held by the live weights of a diffusers checkpoint.

    It counts elements, not bytes of files: some are published in float32 and loaded in bfloat16.

    Args:
        checkpoint: folder with ``model_index.json``, which says whose names count in a folder.
            A folder that it does not name is not loaded and not counted.
        components: the folders to count; empty takes every one of the index.

    Raises:
        CheckpointError: an index or a header cannot be read.
    """
    return sum(math.prod(shape) for _, shape in stored_shapes(checkpoint, components))


def stored_shapes(
    checkpoint: Path, components: Collection[str] = ()
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of what ``parameter_count`` counts. Raises like it."""
    for folder, naming in _components(checkpoint, components):
        if any((folder / name).exists() for name in naming.in_order):
            yield from shapes_in(folder, naming)


def shapes_in(
    folder: Path, naming: Naming, *, without: Collection[str] = ()
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the live weights in ``folder``.

    Args:
        folder: of one component.
        naming: whose names count.
        without: last parts of the names of tensors that do not count.

    Raises:
        CheckpointError: there are none, or a header cannot be read.
    """
    for path in live_weights(folder, naming).paths:
        for entry in _entries(path):
            if entry.name.rpartition(".")[2] not in without:
                yield entry.name, entry.shape


def count_elements(folder: Path, naming: Naming, *, without: Collection[str] = ()) -> int:
    """Numbers held by the live weights in ``folder``; arguments and errors as above."""
    return sum(math.prod(shape) for _, shape in shapes_in(folder, naming, without=without))


def _components(checkpoint: Path, wanted: Collection[str]) -> Iterator[tuple[Path, Naming]]:
    try:
        index = json.loads((checkpoint / "model_index.json").read_text(encoding="utf-8"))
        entries = dict(index).items()
    except FileNotFoundError as exc:
        raise missing(checkpoint, "model_index.json is missing") from exc
    except (OSError, ValueError, TypeError) as exc:
        raise damaged(checkpoint, "model_index.json cannot be read") from exc
    for name, entry in entries:
        if is_component(entry) and (not wanted or name in wanted):
            yield checkpoint / name, naming_of(entry[0])


def is_component(entry: Any) -> bool:
    """Whether an entry of ``model_index.json`` names a library and a class.

    ``[null, null]`` is a part that a checkpoint does without; plain values are the pipeline's own.
    """
    return isinstance(entry, list) and len(entry) == 2 and all(isinstance(x, str) for x in entry)


def _entries(path: Path) -> list[Entry]:
    checkpoint, name = path.parent.parent, f"{path.parent.name}/{path.name}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as exc:
        raise missing(checkpoint, f"{name} is missing") from exc
    try:
        return read_header(descriptor)
    except DamagedFile as exc:
        raise damaged(checkpoint, f"the weights file {name} {exc}") from exc
    finally:
        os.close(descriptor)


def _nothing(folder: Path, naming: Naming) -> Exception:
    for path in sorted(folder.glob("*")):
        if path.suffix in PICKLES:
            where = f"{folder.name}/{path.name}"
            reason = f"{where} is a pickle, which may run code; safetensors only"
            return refused(folder.parent, reason)
    return missing(folder.parent, f"{folder.name} has no weights, {naming.single} or its shards")


def _shards(folder: Path, index: Path) -> dict[str, str]:
    """Tensor to file, from an index. Files must lie beside it: no path is followed elsewhere."""
    where = f"{folder.name}/{index.name}"
    try:
        shards: dict[str, Any] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = set(shards.values())
        if not names or not all(name == Path(name).name for name in names):
            raise ValueError("no files, or files elsewhere")
        if any(not name.endswith(".safetensors") for name in names):
            raise refused(folder.parent, f"{where} lists files that are not safetensors")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise damaged(folder.parent, f"{where} cannot be read") from exc
    return shards
