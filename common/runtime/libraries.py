"""Imports torch, diffusers and transformers, and little else.

Whoever imports diffusers or transformers imports this first (tests/architecture sees to it). By
themselves the two bring in torchao, bitsandbytes, torch's compiler and its distributed tensors:
several times what torch itself takes, and hardly any of it used. They are imported here while
each of these answers that it is not there, and the libraries remember the answer. Nothing is
taken away: what a scheme needs is imported when it is chosen.
"""

import functools
import gc
import importlib.metadata
import logging
import sys
from collections import UserDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

from common.runtime.compiler_later import CompilerLater
from common.runtime.quiet import without

HIDDEN = ("bitsandbytes", "peft", "scipy", "sklearn", "torchao", "torchvision")
"""What the libraries would import wherever it is installed. torchao and bitsandbytes are used past
the libraries (``linear_torchao``, ``linear_nf4``), the rest is not used."""

_ROOTS = (
    "accelerate",
    "transformers.masking_utils",
    "transformers.modeling_utils",
    "diffusers.hooks",
    "diffusers.pipelines.pipeline_utils",
)
"""What imports the rest, decorates for the compiler, or keeps what it was answered."""

compiler = CompilerLater()
"""For ``make_ready``, before anything is compiled."""


def _import_libraries() -> None:
    with ExitStack() as stack:
        stack.enter_context(_without_collecting())
        distributed = import_module("torch.distributed")
        stack.enter_context(_replaced(distributed, "is_available", lambda: False))
        stack.enter_context(_hidden())
        stack.enter_context(compiler.postponed())
        distributions = _Distributions()
        metadata = _replaced(importlib.metadata, "packages_distributions", lambda: distributions)
        stack.enter_context(metadata)
        _import_transformers()
        for name in _ROOTS:
            import_module(name)
    log = logging.getLogger("transformers.utils.import_utils")
    log.addFilter(without("requires torchvision (not installed)"))


class _Distributions(UserDict[str, list[str]]):
    """Which packages came from which wheel: a tenth of a second, and diffusers hardly asks."""

    def __init__(self) -> None:
        """Nothing is read yet."""

    @functools.cached_property
    def data(self) -> dict[str, list[str]]:  # type: ignore[override]
        return dict(_packages_distributions())


_packages_distributions = importlib.metadata.packages_distributions


def _import_transformers() -> None:
    """Have its source read once rather than twice, and its questions answered.

    It lists its classes by reading 1600 files, and does so again for ``transformers.models``. A
    cache in between holds 128 folders, of 550 (transformers 5.23.0, utils/import_utils.py:
    ``create_import_structure_from_path``). Can go when that has no limit.
    """
    with _replaced(functools, "lru_cache", _unlimited_cache):
        asked = import_module("transformers.utils.import_utils")
    for name in (*HIDDEN, "torch_distributed"):
        getattr(asked, f"is_{name}_available")()


def _unlimited_cache(maxsize: Any = None, typed: bool = False) -> Any:
    if callable(maxsize):  # without parentheses
        return _lru_cache(None)(maxsize)
    return _lru_cache(maxsize, typed)


_lru_cache = functools.lru_cache


@contextmanager
def _hidden() -> Iterator[None]:
    """Have ``find_spec`` find none of them: that is what None in ``sys.modules`` means."""
    there = {name: sys.modules.get(name) for name in HIDDEN}
    sys.modules.update(dict.fromkeys(HIDDEN))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name, module in there.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@contextmanager
def _replaced(owner: Any, name: str, value: Callable[..., Any]) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Thousands of classes come and nothing goes: looking for garbage takes a tenth of the time.

    What is there afterwards stays for good, and no later collection looks through it again.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()


_import_libraries()
