"""Whether the files of a component are those of the model that is to be loaded from them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch

from common.base.errors import CheckpointError
from common.runtime.blank_model import BlankModel, Matched
from common.runtime.conversion import Conversion, Weight, as_stored
from common.runtime.safetensors_format import DamagedFile
from common.runtime.weight_files import WeightFiles
from common.runtime.weights import damaged, missing, refused

_LISTED = 5
"""How many tensors an error names."""
_MOSTLY = 0.5
"""Share of a model's tensors that a file lacks, from where on it is not a damaged one."""


@dataclass(frozen=True)
class Source:
    """Open files, what their tensors make, and its place in a model."""

    files: WeightFiles
    weights: Sequence[Weight]
    matched: Matched


def match_source(
    blank: BlankModel,
    files: WeightFiles,
    conversion: Conversion = as_stored,
    unused: Sequence[str] = (),
) -> Source:
    """Find every stored tensor's place, before any is read. Raises CheckpointError."""
    try:
        weights = conversion(files.entries)
    except DamagedFile as exc:
        raise damaged(files.folder.parent, f"{files.folder.name} {exc}") from exc
    return Source(files, weights, check_tensors(blank, weights, files.folder, unused))


def check_class(cls: Any, folder: Path) -> None:
    """Raise CheckpointError where ``config.json`` says that another class was saved here."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        saved = config.get("_class_name") or (config.get("architectures") or [None])[0]
    except (OSError, ValueError, AttributeError, LookupError, TypeError) as exc:
        raise _unreadable(folder, exc) from exc
    if hasattr(cls, "load_config") and saved not in (None, cls.__name__):
        where = f"its {folder.name} looks like a {saved}"
        reason = f"{where}, where this model has a {cls.__name__}"
        raise refused(folder.parent, reason)


def check_tensors(
    blank: BlankModel, weights: Sequence[Weight], folder: Path, unused: Sequence[str] = ()
) -> Matched:
    """Compare names and shapes, before any weight is read.

    Tensors that ``unused`` matches (patterns of ``fnmatch``) may be missing, and may be there
    without a place: nothing that is run reads them. Raises CheckpointError.
    """
    matched = _without(blank.match([weight.name for weight in weights]), unused)
    if matched.needs_library:
        return matched
    component = folder.name
    expected = blank.module.state_dict()
    if len(matched.missing) > _MOSTLY * len(expected):
        stranger = f", and has {_first(matched.unexpected)}" if matched.unexpected else ""
        what = f"a {type(blank.module).__name__}: it lacks {_first(matched.missing)}{stranger}"
        raise refused(folder.parent, f"{component} looks like another model, not {what}")
    if matched.missing:
        names = _first(matched.missing)
        raise refused(folder.parent, f"tensors are missing in {component}: {names}")
    if matched.unexpected:
        words = "has tensors that its model does not know"
        raise refused(folder.parent, f"{component} {words}: {_first(matched.unexpected)}")
    _check_shapes(matched, weights, folder, expected)
    return matched


def _without(matched: Matched, unused: Sequence[str]) -> Matched:
    def used(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for name in names if not any(fnmatchcase(name, x) for x in unused))

    return replace(matched, missing=used(matched.missing), unexpected=used(matched.unexpected))


def _unreadable(folder: Path, exc: Exception) -> CheckpointError:
    where = f"{folder.name}/config.json"
    if isinstance(exc, FileNotFoundError):
        return missing(folder.parent, f"{where} is missing")
    return damaged(folder.parent, f"{where} cannot be read")


def _check_shapes(
    matched: Matched, weights: Sequence[Weight], folder: Path, expected: dict[str, torch.Tensor]
) -> None:
    wrong = []
    for weight in weights:
        name = matched.names.get(weight.name)
        if name is not None and weight.shape != (shape := tuple(expected[name].shape)):
            wrong.append(f"{weight.name} is {_shape(weight.shape)}, not {_shape(shape)}")
    if wrong:
        where = f"{folder.name} is not of the size that its config.json says"
        raise refused(folder.parent, f"{where}: {_first(wrong)}")


def _first(names: Iterable[str]) -> str:
    listed = list(names)
    rest = len(listed) - _LISTED
    return ", ".join(listed[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _shape(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a number"
