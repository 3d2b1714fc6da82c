"""The models inside a diffusers checkpoint, each loaded from the cache or from its source."""

import inspect
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from common.base.errors import CheckpointError
from common.contract import Quantization
from common.runtime.blank_model import BlankModel
from common.runtime.cache import WeightCache
from common.runtime.cache_entry import BadEntry
from common.runtime.cache_recipe import Recipe, recipe_for
from common.runtime.conversion import Conversion, as_stored
from common.runtime.keep import Keep
from common.runtime.live_weights import Naming, is_component, live_weights, naming_for
from common.runtime.loading import (
    Adapter,
    Filler,
    OnBytes,
    build,
    fill,
    quantizable,
)
from common.runtime.match import Source, check_class, match_source
from common.runtime.weight_files import WeightFiles
from common.runtime.weights import refused

LIBRARIES = ("diffusers", "transformers")
"""Only these, and the pipelines' own modules inside diffusers, may be named by a checkpoint."""


@dataclass(frozen=True)
class Component:
    """One model of a checkpoint.

    Where it is not in the form of its library, ``config`` takes the place of ``config.json`` (a
    ``ModelMixin`` of diffusers only), and ``conversion`` says what the files' tensors make.
    ``unused`` matches tensors that nothing reads: see ``check_tensors``. ``naming`` is what the
    files are called where it is not the way of the class's library.
    """

    name: str
    cls: Any
    folder: Path
    config: Mapping[str, Any] | None = None
    conversion: Conversion = as_stored
    unused: tuple[str, ...] = ()
    naming: Naming | None = None


@dataclass(frozen=True)
class Treatment:
    """What is done to one component on its way into memory."""

    device: torch.device
    dtype: torch.dtype
    scheme: Quantization = Quantization.NONE
    keep: Sequence[Keep] = ()
    adapter: Adapter | None = None


def torch_components(
    pipeline_class: Any,
    checkpoint: Path,
    index: dict[str, Any],
    unused: Mapping[str, Sequence[str]] | None = None,
) -> list[Component]:
    """The models that ``index`` lists and the pipeline takes, in the order of the index.

    ``unused``: patterns of tensors that nothing reads, by component.

    Raises:
        CheckpointError: the index names a class that does not exist.
    """
    taken = inspect.signature(pipeline_class.__init__).parameters
    listed = {name: entry for name, entry in index.items() if name in taken and is_component(entry)}
    classes = {name: _find(checkpoint / name, *entry) for name, entry in listed.items()}
    return [
        Component(
            name,
            cls,
            checkpoint / name,
            unused=tuple((unused or {}).get(name, ())),
        )
        for name, cls in classes.items()
        if isinstance(cls, type) and issubclass(cls, nn.Module)
    ]


def _find(folder: Path, library: str, name: str) -> Any:
    try:
        if library in LIBRARIES:
            return getattr(import_module(library), name)
        return getattr(getattr(import_module("diffusers.pipelines"), library), name)
    except AttributeError as exc:
        reason = f"model_index.json wants {library}.{name} for {folder.name}, which does not exist"
        raise refused(folder.parent, reason) from exc


class PendingComponent:
    """A component whose files are open and checked as far as their headers; nothing is read yet.

    Every tensor has its place then, in the right shape: what does not fit is told before minutes of
    reading.
    """

    def __init__(
        self, component: Component, treatment: Treatment, cache: WeightCache | None
    ) -> None:
        """Raises CheckpointError."""
        self._component = component
        self._treatment = treatment
        if component.config is None:
            check_class(component.cls, component.folder)
        self.blank: BlankModel = self._build()
        self.linears = quantizable(self.blank.module, treatment.scheme, treatment.keep)
        """The layers that are quantized."""
        self._check_adapter()
        self._cache = cache if self.linears else None
        self._recipe = self._make_recipe()
        self._open = ExitStack()
        entry = self._cache.open(self._recipe) if self._cache and self._recipe else None
        self._entry = self._open.enter_context(entry) if entry else None
        self.source = None if entry else self._open_source()
        """What is read; None where the cache has it."""

    @property
    def name(self) -> str:
        """As in the index."""
        return self._component.name

    @property
    def quantizes(self) -> bool:
        """Whether any layer of it is quantized."""
        return bool(self.linears)

    @property
    def from_cache(self) -> bool:
        """Whether it comes, or came, from the cache."""
        return self._entry is not None

    @property
    def size(self) -> int:
        """Bytes to read."""
        files = self._entry or (self.source.files if self.source else None)
        return files.size if files else 0

    def load(self, on_bytes: OnBytes) -> nn.Module:
        """Read it. Once only. Raises CheckpointError."""
        try:
            module = self._from_cache(on_bytes)
            return self._from_source(on_bytes) if module is None else module
        finally:
            self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _from_cache(self, on_bytes: OnBytes) -> nn.Module | None:
        if self._entry is None or self._cache is None or self._recipe is None:
            return None
        try:
            device = self._treatment.device
            return self._entry.load(self.blank, device, self.linears, on_bytes)
        except BadEntry as exc:
            reason = str(exc)
        self._open.close()  # an open entry cannot be removed
        self._entry = None
        self._cache.discard(self._recipe, reason)
        self.blank = self._build()
        self.source = self._open_source()
        return None

    def _from_source(self, on_bytes: OnBytes) -> nn.Module:
        assert self.source is not None  # noqa: S101  # opened where there is no entry
        treatment = self._treatment
        filler = Filler(self.blank, self.linears, treatment.adapter)
        module = fill(filler, self.source, treatment.device, on_bytes)
        if self._cache is not None and self._recipe is not None:
            self._cache.store(self._recipe, module, self.linears, on_bytes)
        return module

    def _build(self) -> BlankModel:
        component = self._component
        return build(component.cls, component.folder, self._treatment.dtype, component.config)

    def _open_source(self) -> Source:
        component = self._component
        files = self._open.enter_context(WeightFiles.of(component.folder, self._naming))
        try:
            return match_source(self.blank, files, component.conversion, component.unused)
        except CheckpointError:
            self._open.close()
            raise

    def _check_adapter(self) -> None:
        if self._treatment.adapter is not None:
            tensors = self.blank.module.state_dict().items()
            self._treatment.adapter.check_fits({name: tensor.shape for name, tensor in tensors})

    @property
    def _naming(self) -> Naming:
        return self._component.naming or naming_for(self._component.cls)

    def _make_recipe(self) -> Recipe | None:
        if self._cache is None:
            return None
        component, treatment = self._component, self._treatment
        try:
            return recipe_for(
                component.folder,
                live_weights(component.folder, self._naming),
                self.linears,
                device=treatment.device,
                dtype=treatment.dtype,
                adapter=treatment.adapter.path if treatment.adapter else None,
                name=component.name,
                config=component.config,
                conversion=component.conversion,
            )
        except (OSError, CheckpointError):  # the source's own error says what is missing
            return None
