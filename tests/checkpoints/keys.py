"""Turns a listing's patterns of keys into the keys of a file.

Where numbers are not simply counted (a VAE's shortcuts are in some blocks only), the names are
taken from the library's own class, built on the meta device from the published configuration; how
many there are and their shapes come from the listing, and must agree. Names that the library has
changed since, and those of the original codes, are counted. Where a listing does not know a dtype
it is written as bfloat16: MAGI-1's norms and embeddings, and Wan2.1's image encoder.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import product
from typing import Any

import torch

from common.runtime.safetensors_format import ITEM_BYTES

UNKNOWN = "BF16"

INNER = {
    "ada_modulate_layer.proj.N.": (0,),
    "t_embedder.mlp.N.": (0, 2),
    "y_embedder.y_proj_xattn.N.": (0,),
    "y_embedder.y_proj_adaln.N.": (0,),
    "ffn.N.": (0, 2),
    "text_embedding.N.": (0, 2),
    "time_embedding.N.": (0, 2),
    "time_projection.N.": (1,),
    "img_emb.proj.N.diff_b": (0, 1, 3, 4),
    "img_emb.proj.N.diff": (0, 4),
    "img_emb.proj.N.lora": (1, 3),
}
"""Places in an ``nn.Sequential``, which a pattern does not tell: SandAI-org/MAGI-1,
inference/model/dit/dit_module.py, and Wan-Video/Wan2.1, wan/modules/model.py."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.elements * ITEM_BYTES[self.dtype]


def pattern_of(key: str) -> str:
    """The pattern that a key belongs to."""
    return re.sub(r"(?<=\.)\d+(?=\.|$)", "N", key)


def tensors_of(weights: Mapping[str, Any], known: Mapping[str, tuple[int, ...]]) -> list[Tensor]:
    """The tensors of a set of weights. ``known``: the library's own names, and shapes."""
    named: dict[str, list[str]] = {}
    for key in known:
        named.setdefault(pattern_of(key), []).append(key)
    tensors: list[Tensor] = []
    for pattern, described in weights["keys"].items():
        forms = list(_forms(described))
        if pattern in named:
            tensors += _as_known(named[pattern], known, forms, described["count"])
        else:
            tensors += _counted(pattern, forms, described["count"])
    assert len({tensor.name for tensor in tensors}) == len(tensors)
    if weights.get("tensors"):
        assert len(tensors) == weights["tensors"]
    return tensors


def _forms(described: Mapping[str, Any]) -> Iterator[Tensor]:
    """One nameless tensor for each key of a pattern."""
    for form in described.get("variants") or [described]:
        dtype = form["dtype"] if form["dtype"] in ITEM_BYTES else UNKNOWN
        yield from [Tensor("", dtype, tuple(form["shape"]))] * form["count"]


def _as_known(
    names: Sequence[str], known: Mapping[str, tuple[int, ...]], forms: Sequence[Tensor], count: int
) -> list[Tensor]:
    assert len(names) == count
    assert Counter(known[name] for name in names) == Counter(form.shape for form in forms), names
    dtypes = {form.shape: form.dtype for form in forms}
    return [Tensor(name, dtypes[known[name]], known[name]) for name in names]


def _counted(pattern: str, forms: Sequence[Tensor], count: int) -> list[Tensor]:
    """Numbers from 0 on; forms follow the inner number where there is one."""
    inner = next((places for part, places in INNER.items() if part in pattern), (0,))
    places = pattern.count(".N.") + pattern.endswith(".N")
    is_inner = any(part in pattern for part in INNER) or places > 1
    if places == 0 or (is_inner and places == 1):
        keys = [pattern.replace(".N", f".{at}") for at in inner] if places else [pattern]
        assert len(keys) == count
    else:
        inner = inner if is_inner else (0,)
        keys = _numbered(pattern, count // len(inner), inner, forms)
        if len({form.dtype for form in forms}) > 1:  # the first and the last block differ
            plain = [form for form in forms if form.dtype == "BF16"]
            forms = [plain[0], *(form for form in forms if form.dtype != "BF16"), plain[1]]
    if len({form.shape for form in forms}) > 1 and len(inner) > 1:
        forms = [form for group in _by_inner(forms, len(inner)) for form in group]
    assert len(keys) == len(forms) == count
    return [Tensor(key, form.dtype, form.shape) for key, form in zip(keys, forms, strict=True)]


def _by_inner(forms: Sequence[Tensor], inner: int) -> Iterator[Sequence[Tensor]]:
    """From (all of the first place, all of the second) to block after block."""
    outer = len(forms) // inner
    yield from ([forms[at + place * outer] for place in range(inner)] for at in range(outer))


def _numbered(
    pattern: str, blocks: int, inner: Sequence[int], forms: Sequence[Tensor]
) -> list[str]:
    first = 1 if pattern.endswith("_scale") else 0  # scales are in the inner blocks alone
    head, rest = pattern.split(".N", 1)
    numbers = product(range(first, first + blocks), inner)
    return [f"{head}.{block}{rest.replace('.N', f'.{at}')}" for block, at in numbers]


@cache
def library_tensors(library: str, name: str, config: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a class of diffusers or transformers, by its configuration as JSON."""
    with torch.device("meta"):
        module = _build(_find(library, name), json.loads(config))
    return {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}


def _find(library: str, name: str) -> Any:
    if library in ("diffusers", "transformers"):
        return getattr(import_module(library), name)
    return getattr(import_module(f"diffusers.pipelines.{library}"), name)


def _build(cls: Any, config: dict[str, Any]) -> torch.nn.Module:
    if hasattr(cls, "load_config"):
        module: torch.nn.Module = cls.from_config(config)
        return module
    built: torch.nn.Module = cls(cls.config_class(**config))
    return built
