"""One entry of the cache: ``weights.safetensors``, and ``manifest.json``, which describes it.

The manifest has the size and the header's digest, which are compared before anything is read,
and a checksum of every tensor, which is compared while it is read.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import torch
import xxhash
from torch import nn

from common.base.errors import CheckpointError
from common.contract import Quantization
from common.runtime.blank_model import BlankModel
from common.runtime.loading import OnBytes, complete, place, replace
from common.runtime.quantization import restore_linear
from common.runtime.safetensors_format import header_bytes
from common.runtime.safetensors_reader import TensorReader
from common.runtime.weight_files import WeightFiles

WEIGHTS = "weights.safetensors"
MANIFEST = "manifest.json"


class BadEntry(Exception):
    """What is wrong with an entry; it must be removed."""


class CacheEntry:
    """An open entry. While it is open, nobody removes it."""

    def __init__(self, folder: Path) -> None:
        """Open and check ``folder``.

        Raises:
            FileNotFoundError: there is no such entry.
            BadEntry: it is damaged.
        """
        self._manifest_file = (folder / MANIFEST).open("rb")
        try:
            fcntl.flock(self._manifest_file, fcntl.LOCK_SH)
            self._manifest = _read_manifest(self._manifest_file.read())
            self._files = _open_weights(folder, self._manifest)
        except BaseException:
            self._manifest_file.close()
            raise

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        return self._files.size

    def load(
        self,
        blank: BlankModel,
        device: torch.device,
        linears: Mapping[str, Quantization],
        on_bytes: OnBytes,
    ) -> nn.Module:
        """The very model that was written, of which ``linears`` were quantized, each by its scheme.

        Raises:
            BadEntry: a tensor is not what was written, or not of this model.
        """
        quantized: dict[str, list[str]] = self._manifest["quantized"]
        if set(quantized) != set(linears):
            raise BadEntry("other layers of it are quantized")
        loaded = self._loaded_names(blank, quantized)
        blank.prepare(loaded)
        self._fill(blank.module, device, linears, on_bytes)
        module = complete(blank, loaded, device)
        if any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers())):
            raise BadEntry("tensors are missing")
        return module

    def _fill(
        self,
        module: nn.Module,
        device: torch.device,
        linears: Mapping[str, Quantization],
        on_bytes: OnBytes,
    ) -> None:
        quantized: dict[str, list[str]] = self._manifest["quantized"]
        owners = {f"{name}.{leaf}": name for name, leaves in quantized.items() for leaf in leaves}
        parts: dict[str, dict[str, torch.Tensor]] = {name: {} for name in quantized}
        for name, tensor in self.tensors(device, on_bytes):
            owner = owners.get(name)
            if owner is None:
                _place(module, name, tensor)
                continue
            parts[owner][name.removeprefix(f"{owner}.")] = tensor
            if len(parts[owner]) == len(quantized[owner]):
                _restore(module, owner, linears[owner], parts.pop(owner))

    def tensors(
        self, device: torch.device, on_bytes: OnBytes = lambda _count: None
    ) -> Iterator[tuple[str, torch.Tensor]]:
        """All that is stored, in order, each checked. Raises BadEntry."""
        reader = TensorReader(self._files, device, on_bytes)
        checksums: dict[str, str] = self._manifest["checksums"]
        for entry in self._files.entries:
            hasher = xxhash.xxh3_64()
            try:
                tensor = reader.read(entry, hasher=hasher)
            except CheckpointError as exc:
                raise BadEntry("its weights file is cut short") from exc
            if hasher.hexdigest() != checksums.get(entry.name):
                raise BadEntry(f"{entry.name} is not what was written")
            yield entry.name, tensor

    def _loaded_names(self, blank: BlankModel, quantized: Collection[str]) -> set[str]:
        stored = {entry.name for entry in self._files.entries}
        whole = {name for name in blank.module.state_dict() if _parent(name) in quantized}
        return whole | (stored & set(blank.module.state_dict()))

    def close(self) -> None:
        """Let go."""
        self._files.close()
        self._manifest_file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _place(module: nn.Module, name: str, tensor: torch.Tensor) -> None:
    try:
        place(module.get_submodule(_parent(name)), name.rpartition(".")[2], tensor)
    except AttributeError as exc:
        raise BadEntry(f"the model has no {name}") from exc


def _restore(
    module: nn.Module, name: str, scheme: Quantization, tensors: dict[str, torch.Tensor]
) -> None:
    try:
        linear = module.get_submodule(name)
        assert isinstance(linear, nn.Linear)  # noqa: S101
        replace(module, name, restore_linear(linear, scheme, tensors))
    except (AssertionError, AttributeError, KeyError, ValueError) as exc:
        raise BadEntry(f"{name} cannot be restored") from exc


def _read_manifest(text: bytes) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(text)
        if not manifest.keys() >= {"bytes", "header", "checksums", "quantized"}:
            raise ValueError("incomplete")
    except (ValueError, AttributeError) as exc:
        raise BadEntry("its manifest is damaged") from exc
    return manifest


def _open_weights(folder: Path, manifest: dict[str, Any]) -> WeightFiles:
    try:
        files = WeightFiles(folder, [folder / WEIGHTS])
    except CheckpointError as exc:
        raise BadEntry("its weights file is damaged") from exc
    descriptor = files.descriptor
    size = os.fstat(descriptor).st_size
    header = os.pread(descriptor, 8, 0) + header_bytes(descriptor, size)
    if size != manifest["bytes"] or hashlib.sha256(header).hexdigest() != manifest["header"]:
        files.close()
        raise BadEntry("its weights file is not the one that was written")
    return files


def _parent(name: str) -> str:
    return name.rpartition(".")[0]
