"""Turn PyTorch's files into safetensors, once: ``python -m scripts.convert_pickles FOLDER``.

``pytorch_model*.bin`` in FOLDER stay where they are; ``model*.safetensors`` and their index come to
lie beside them, with the same numbers in the same format. The services read nothing else: a pickle
may run code. Here only tensors are unpickled (``weights_only``), and in a hub cache only files that
are what the hub says they are: it names a large file by the SHA-256 of its contents.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import zipfile
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from common.runtime.safetensors_format import make_header
from common.runtime.safetensors_reader import DTYPES

INDEX = "model.safetensors.index.json"
_DIGEST = re.compile("[0-9a-f]{64}")
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


class Refused(Exception):
    """Why a file was not converted, in words for a person."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Convert the folder's files, if that has not been done."""
    parser = argparse.ArgumentParser(description="Turn PyTorch's weights files into safetensors.")
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args(arguments).folder
    try:
        done = convert(folder)
    except Refused as exc:
        sys.exit(str(exc))
    print(f"{folder.name}: {'converted to safetensors' if done else 'is converted already'}")


def convert(folder: Path) -> bool:
    """Write safetensors beside the pickles, one file for each. Answers whether it had to.

    The index comes last: as long as it is not there, nothing has been converted.

    Raises:
        Refused: there is no such file, or one is damaged or holds anything but tensors.
    """
    if (folder / INDEX).exists():
        return False
    sources = sorted(folder.glob("pytorch_model*.bin"))
    if not sources:
        raise Refused(f"{folder.name} has no pytorch_model*.bin.")
    weight_map: dict[str, str] = {}
    for source in sources:
        _check_digest(source)
        stem = source.stem.replace("pytorch_", "", 1)
        target = source.with_name(f"{stem}.safetensors")
        weight_map |= dict.fromkeys(_convert_file(source, target), target.name)
    text = json.dumps({"metadata": {}, "weight_map": weight_map}, indent=2) + "\n"
    _write(folder / INDEX, [text.encode()])
    return True


def _check_digest(source: Path) -> None:
    """In a hub cache a file is a link to ``blobs/<SHA-256>``; elsewhere nothing is known of it."""
    expected = source.resolve().name
    if not _DIGEST.fullmatch(expected):
        return
    with source.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != expected:
            raise Refused(f"{source.name} is damaged: delete it and fetch it again.")


def _convert_file(source: Path, target: Path) -> list[str]:
    """The names that ``target`` holds. Mapped, so that one tensor is in memory at a time."""
    tensors = _distinct(_load(source))
    header = make_header(
        (name, _NAMES[tensor.dtype], tensor.shape, tensor.nbytes)
        for name, tensor in tensors.items()
    )
    _write(target, chain([header], map(_bytes, tensors.values())))
    return list(tensors)


def _load(source: Path) -> dict[str, torch.Tensor]:
    try:
        tensors: Any = torch.load(
            source, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(source)
        )
    except (EOFError, OSError, RuntimeError, UnpicklingError, ValueError) as exc:
        raise Refused(f"{source.name} is damaged, or holds more than tensors.") from exc
    if not isinstance(tensors, dict) or not all(
        isinstance(tensor, torch.Tensor) for tensor in tensors.values()
    ):
        raise Refused(f"{source.name} holds something else than tensors by name.")
    return tensors


def _distinct(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Without the further names of a tensor that has several: their model ties them itself."""
    names: dict[tuple[int, torch.Size, tuple[int, ...]], str] = {}
    for name, tensor in tensors.items():
        names.setdefault((tensor.data_ptr(), tensor.shape, tensor.stride()), name)
    return {name: tensors[name] for name in names.values()}


def _bytes(tensor: torch.Tensor) -> memoryview:
    view: memoryview = tensor.detach().contiguous().view(-1).view(torch.uint8).numpy().data
    return view


def _write(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Whole or not at all."""
    draft = path.with_name(f"{path.name}.part")
    with draft.open("wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


if __name__ == "__main__":
    main()
