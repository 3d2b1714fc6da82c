"""Models of diffusers, before their weights: see ``blank_model``."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from accelerate import init_empty_weights
from diffusers.models.modeling_utils import no_init_weights

from common.runtime.blank_model import Matched, default_dtype, refuse_quantized


class BlankDiffusers:
    """A ``ModelMixin``. Follows ``ModelMixin.from_pretrained`` (models/modeling_utils.py)."""

    def __init__(
        self, cls: Any, folder: Path, dtype: torch.dtype, config: Mapping[str, Any] | None = None
    ) -> None:
        if config is None:
            config = cls.load_config(str(folder), local_files_only=True)
        refuse_quantized(config.get("quantization_config"))
        # Parameters only: buffers such as rope tables are computed here and are in no file.
        with default_dtype(dtype), no_init_weights(), init_empty_weights(include_buffers=False):
            self.module = cls.from_config(dict(config))
        self.module.register_to_config(_name_or_path=str(folder))
        self._dtype = dtype
        self._blank = self.module.state_dict()
        self._kept = _strings(cls._keep_in_fp32_modules)
        self._obsolete = _strings(cls._keys_to_ignore_on_load_unexpected)

    def match(self, stored: Collection[str]) -> Matched:
        original = {name: name for name in stored}
        self.module._fix_state_dict_keys_on_load(original)
        names = {old: new for new, old in original.items() if new in self._blank}
        strangers = [name for name in original if name not in self._blank]
        return Matched(
            names=names,
            missing=tuple(name for name in self._blank if name not in original),
            unexpected=tuple(name for name in strangers if not self._is_obsolete(name)),
        )

    def dtype_of(self, name: str, stored: torch.dtype) -> torch.dtype:
        if not stored.is_floating_point:
            blank: torch.Tensor = self._blank[name]
            return blank.dtype
        return torch.float32 if set(self._kept) & set(name.split(".")) else self._dtype

    def prepare(self, loaded: Collection[str]) -> None:
        """Nothing: buffers were computed when the module was built."""

    def finish(self, loaded: Collection[str]) -> None:
        """Nothing: no model of diffusers here ties weights."""

    def _is_obsolete(self, name: str) -> bool:
        return any(re.search(pattern, name) for pattern in self._obsolete)


def _strings(value: str | list[str] | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
