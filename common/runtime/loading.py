"""Brings one model into memory: tensor by tensor onto the device, quantized on the way.

A linear layer is quantized as soon as its weight and its bias are there, and its high-precision
weight is freed at once: the peak is the final size and about one tensor.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from common.contract import Quantization
from common.runtime.blank import blank_model
from common.runtime.blank_model import BlankModel
from common.runtime.keep import Keep, layer_scheme
from common.runtime.live_weights import naming_for
from common.runtime.match import Source, check_class, match_source
from common.runtime.quantization import declared_keeps, is_quantizable, quantize_linear
from common.runtime.safetensors_reader import TensorReader
from common.runtime.weight_files import WeightFiles
from common.runtime.weights import refused

log = logging.getLogger(__name__)

OnBytes = Callable[[int], None]


class Adapter(Protocol):
    """What changes weights before they are quantized: a ``Lora``."""

    @property
    def path(self) -> Path:
        """Its file, which counts for the cache."""

    def check_fits(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Before anything is read. Raises CheckpointError where a model of these does not fit."""

    def fuse(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        """The tensor ``name`` of the model as it shall be."""

    def check_used(self) -> None:
        """At the end. Raises CheckpointError where something found no tensor."""


def _ignore(_count: int) -> None:
    pass


def load_model(
    cls: Any,
    folder: Path,
    *,
    device: torch.device,
    dtype: torch.dtype,
    scheme: Quantization = Quantization.NONE,
    keep: Sequence[Keep] = (),
    on_bytes: OnBytes = _ignore,
    adapter: Adapter | None = None,
) -> nn.Module:
    """Load a component, in eval mode and without gradients.

    With ``scheme`` NONE the result equals ``cls.from_pretrained(folder, dtype=dtype)``, bit for
    bit; what the class declares for float32 is neither cast nor quantized.

    Args:
        cls: a ``ModelMixin`` of diffusers or a ``PreTrainedModel`` of transformers.
        folder: ``config.json`` and safetensors; its parent is the checkpoint.
        device: where the tensors end up.
        dtype: of what is not quantized.
        scheme: how linear layers are kept; never AUTO.
        keep: which of them stay in ``dtype``.
        on_bytes: told how many bytes were just read; what it raises leaves the load.
        adapter: is asked for every tensor, before it is quantized.

    Raises:
        CheckpointError: a file or a tensor is missing, damaged, or of another model.
    """
    check_class(cls, folder)
    blank = build(cls, folder, dtype)
    with WeightFiles.of(folder, naming_for(cls)) as files:
        filler = Filler(blank, quantizable(blank.module, scheme, keep), adapter)
        return fill(filler, match_source(blank, files), device, on_bytes)


def build(
    cls: Any, folder: Path, dtype: torch.dtype, config: Mapping[str, Any] | None = None
) -> BlankModel:
    """The component without its weights.

    ``config`` takes the place of ``config.json``. Raises CheckpointError where it is of no use.
    """
    try:
        return blank_model(cls, folder, dtype, config)
    except (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as exc:
        reason = f"{folder.name}/config.json does not describe a model"
        raise refused(folder.parent, reason) from exc


def quantizable(
    module: nn.Module, scheme: Quantization, keep: Sequence[Keep]
) -> dict[str, Quantization]:
    """Names of the layers below ``module`` to be quantized, and how; its weights may be blank.

    Tied weights stay as they are, and what the class declares for float32.
    """
    if scheme is Quantization.NONE:
        return {}
    rules = (*keep, *declared_keeps(module))
    named = dict(module.named_modules(remove_duplicate=False))
    uses = Counter(id(getattr(child, "weight", None)) for child in named.values())
    tied = _owners(getattr(module, "all_tied_weights_keys", {}))
    return {
        name: layer_scheme(name, scheme, rules)
        for name, child in named.items()
        if isinstance(child, nn.Linear) and uses[id(child.weight)] == 1
        if name not in tied and is_quantizable(name, child, scheme, rules) is None
    }


def _owners(tied: dict[str, str]) -> set[str]:
    return {name.rpartition(".")[0] for name in (*tied, *tied.values())}


def fill(
    filler: "Filler",
    source: Source,
    device: torch.device,
    on_bytes: OnBytes = _ignore,
) -> nn.Module:
    """Read every tensor into its place; answer the whole model. Raises CheckpointError."""
    blank, files, matched = filler.blank, source.files, source.matched
    if matched.needs_library:
        return _by_library(filler, files, device, on_bytes)
    loaded = set(matched.names.values())
    blank.prepare(loaded)
    reader = TensorReader(files, device, on_bytes)
    for weight in source.weights:
        name = matched.names.get(weight.name)
        if name is None:
            weight.skip(reader)
            continue
        dtype = blank.dtype_of(name, weight.stored_dtype)
        filler.put(name, weight.read(reader, dtype, scratch=filler.consumes(name)))
    filler.check_used()
    return complete(blank, loaded, device)


class Filler:
    """Puts tensors into a blank model, and quantizes each linear layer once it is whole."""

    def __init__(
        self,
        blank: BlankModel,
        linears: Mapping[str, Quantization],
        adapter: Adapter | None = None,
    ) -> None:
        self.blank = blank
        self._linears = linears
        self._adapter = adapter
        self._waiting = {
            name: set(blank.module.get_submodule(name).state_dict().keys()) for name in linears
        }

    def consumes(self, name: str) -> bool:
        """Whether the tensor will not be needed once it was put: its layer is quantized then."""
        owner, _, leaf = name.rpartition(".")
        return leaf == "weight" and self._waiting.get(owner) == {leaf}

    def put(self, name: str, tensor: torch.Tensor) -> None:
        """Place a tensor of the device under its name in the module."""
        owner, _, leaf = name.rpartition(".")
        if self._adapter is not None:
            tensor = self._adapter.fuse(name, tensor)
        place(self.blank.module.get_submodule(owner), leaf, tensor)
        if owner in self._waiting:
            self._waiting[owner].discard(leaf)
            if not self._waiting[owner]:
                self._quantize(owner)

    def put_all(self, module: nn.Module, device: torch.device) -> None:
        """Take over what a library has loaded."""
        for name, tensor in module.state_dict().items():
            self.put(name, tensor.to(device))

    def check_used(self) -> None:
        """At the end. Raises CheckpointError where the adapter is for another model."""
        if self._adapter is not None:
            self._adapter.check_used()

    def _quantize(self, name: str) -> None:
        linear = self.blank.module.get_submodule(name)
        assert isinstance(linear, nn.Linear)  # noqa: S101  # quantizable() has seen to it
        replace(self.blank.module, name, quantize_linear(linear, self._linears[name]))


def place(owner: nn.Module, leaf: str, tensor: torch.Tensor) -> None:
    """Make ``tensor`` the buffer or the frozen parameter ``leaf`` of ``owner``."""
    if leaf in owner._buffers:
        owner._buffers[leaf] = tensor
    else:
        owner._parameters[leaf] = nn.Parameter(tensor, requires_grad=False)


def replace(module: nn.Module, name: str, replacement: nn.Module) -> None:
    """Put ``replacement`` where the submodule ``name`` is."""
    parent, _, leaf = name.rpartition(".")
    setattr(module.get_submodule(parent), leaf, replacement)


def complete(blank: BlankModel, loaded: Collection[str], device: torch.device) -> nn.Module:
    """Tie, move what was computed rather than read, and leave training mode."""
    blank.finish(loaded)
    for owner in blank.module.modules():
        for leaf, tensor in _elsewhere(owner, device):
            place(owner, leaf, tensor.to(device))
    return blank.module.requires_grad_(False).eval()


def _elsewhere(owner: nn.Module, device: torch.device) -> list[tuple[str, torch.Tensor]]:
    tensors = {**owner._parameters, **owner._buffers}
    return [
        (leaf, tensor.detach())
        for leaf, tensor in tensors.items()
        if tensor is not None and tensor.device.type != device.type
    ]


def _by_library(
    filler: Filler, files: WeightFiles, device: torch.device, on_bytes: OnBytes
) -> nn.Module:
    """``from_pretrained``, then tensor by tensor: twice the memory, but always right."""
    blank = filler.blank
    cls: Any = type(blank.module)
    dtype = next(p.dtype for p in blank.module.parameters() if p.is_floating_point())
    log.info("tensors need conversion, loading by the library", extra={"model": cls.__name__})
    module = cls.from_pretrained(
        str(files.folder), dtype=dtype, local_files_only=True, use_safetensors=True
    )
    on_bytes(files.size)
    loaded = set(blank.module.state_dict())
    blank.prepare(loaded)
    filler.put_all(module, device)
    filler.check_used()
    return complete(blank, loaded, device)
