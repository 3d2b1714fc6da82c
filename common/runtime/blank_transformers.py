"""Models of transformers, before their weights: see ``blank_model``."""

import re
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from common.runtime.libraries import compiler

import torch
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import (
    WeightConverter,
    WeightRenaming,
    build_glob_alternation,
    rename_source_key,
)
from transformers.initialization import no_init_weights

from common.runtime.blank_model import Matched, refuse_quantized


class BlankTransformers:
    """A ``PreTrainedModel``. Follows its ``from_pretrained`` and the functions that this calls.

    They are ``convert_and_load_state_dict_in_model`` (core_model_loading.py) and
    ``_finalize_model_loading`` (modeling_utils.py).
    """

    def __init__(self, cls: Any, folder: Path, dtype: torch.dtype) -> None:
        config = cls.config_class.from_pretrained(str(folder), local_files_only=True)
        refuse_quantized(getattr(config, "quantization_config", None))
        config.name_or_path = str(folder)
        with ExitStack() as stack:
            # On meta, arithmetic is Python's: it asks the compiler to leave it alone, and drawing
            # first weights that are never there takes a library of symbols besides.
            stack.enter_context(compiler.postponed())
            stack.enter_context(no_init_weights())
            for context in cls.get_init_context(dtype, False, False, None):
                stack.enter_context(context)
            self.module = cls._from_config(config, dtype=dtype)
        self._folder = folder
        self._blank = self.module.state_dict()
        self._tied: dict[str, str] = dict(self.module.all_tied_weights_keys)
        self._in_float32 = _pattern(self.module._get_dtype_plan(dtype))

    def match(self, stored: Collection[str]) -> Matched:
        rules = get_model_conversion_mapping(self.module)
        renamings = [rule for rule in rules if isinstance(rule, WeightRenaming)]
        converters = [rule for rule in rules if isinstance(rule, WeightConverter)]
        found = {name: self._rename(name, renamings, converters) for name in stored}
        new = {old: name for old, (name, _) in found.items()}
        state = self._adjusted(set(self._blank) - set(new.values()), set(new.values()))
        return Matched(
            names={old: name for old, name in new.items() if name in self._blank},
            missing=tuple(name for name in self._blank if name in state.missing_keys),
            unexpected=tuple(name for name in new.values() if name in state.unexpected_keys),
            needs_library=any(converter is not None for _, converter in found.values()),
        )

    def dtype_of(self, name: str, stored: torch.dtype) -> torch.dtype:
        del stored
        kept = self._in_float32 is not None and self._in_float32.search(name)
        return torch.float32 if kept else self._blank[name].dtype

    def prepare(self, loaded: Collection[str]) -> None:
        """Compute the buffers that no file holds, as ``_finalize_model_loading`` does.

        It is done before the weights come in, when all that a file holds is marked as there: so
        only the rest is initialized, and nothing of a quantized layer is ever touched.
        """
        there = {*loaded, *self._shared_with(loaded)}
        for name in there:
            self.module.get_parameter_or_buffer(name)._is_hf_initialized = True
        self.module._move_missing_keys_from_meta_to_device(
            set(self._blank) - there, None, None, None
        )
        self.module._initialize_missing_keys(False)

    def finish(self, loaded: Collection[str]) -> None:
        missing = set(self._blank) - set(loaded)
        self.module.tie_weights(missing_keys=missing, recompute_mapping=False)
        if self.module.can_generate():
            self._read_generation_config()

    def _rename(
        self, name: str, renamings: list[Any], converters: list[Any]
    ) -> tuple[str, str | None]:
        prefix = self.module.base_model_prefix
        renamed = rename_source_key(name, renamings, converters, prefix, self._blank)
        if renamed[0] not in self._blank and name in self._blank:
            renamed = rename_source_key(name, [], [], prefix, self._blank)
        new, converter = renamed
        return new, converter

    def _adjusted(self, missing: set[str], found: set[str]) -> SimpleNamespace:
        """What is really missing or unexpected, by the class's own exceptions and its ties."""
        state = SimpleNamespace(
            missing_keys=missing - self._shared_with(found),
            unexpected_keys=found - set(self._blank),
        )
        self.module._adjust_missing_and_unexpected_keys(state)
        return state

    def _shared_with(self, loaded: Collection[str]) -> set[str]:
        """Names that will be tied to a loaded one, in either direction."""
        groups: dict[str, set[str]] = {}
        for target, source in self._tied.items():
            groups.setdefault(source, {source}).add(target)
        return {name for group in groups.values() if group & set(loaded) for name in group}

    def _read_generation_config(self) -> None:
        self.module.adjust_generation_fn(
            None,
            None,
            None,
            str(self._folder),
            cache_dir=None,
            force_download=False,
            proxies=None,
            local_files_only=True,
            token=None,
            revision=None,
            subfolder="",
            trust_remote_code=False,
        )


def _pattern(plan: dict[str, torch.dtype]) -> re.Pattern[str] | None:
    """What stays in float32, as the library matches it."""
    if not plan:
        return None
    pattern: re.Pattern[str] = build_glob_alternation(list(plan))[0]
    return pattern
