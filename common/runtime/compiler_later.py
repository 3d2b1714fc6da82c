"""Stands in for ``torch._dynamo``, torch's compiler, while libraries are imported.

diffusers and transformers only decorate with it at import: some functions are left to Python
(``disable``), some count as one operation or as constant. That means nothing until something is
compiled, so the decorations are noted, and made when it is (``make_ready``).
"""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

NAME = "torch._dynamo"
_MARKS = ("allow_in_graph", "assume_constant_result")
"""They answer what they were given."""
_TRACE_WRAPPED = f"{NAME}._trace_wrapped_higher_order_op"


class _NothingCompiled:
    """In place of ``OptimizedModule``: diffusers asks of every model whether it is one."""


class CompilerLater(ModuleType):
    """What it does not know itself, it answers from the compiler, which is imported then."""

    def __init__(self) -> None:
        super().__init__(NAME)
        self.__path__: list[str] = []
        self._later: list[Callable[[], object]] = []
        self.eval_frame = SimpleNamespace(OptimizedModule=_NothingCompiled)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return functools.partial(self._mark, name) if name in _MARKS else getattr(_real(), name)

    def disable(self, fn: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As ``torch._dynamo.disable``: with a function, or with parentheses before one."""
        if fn is None:
            return functools.partial(self.disable, **kwargs)
        current = fn

        @functools.wraps(fn)
        def call(*call_args: Any, **call_kwargs: Any) -> Any:
            return current(*call_args, **call_kwargs)

        def decorate() -> None:
            nonlocal current
            current = _real().disable(fn, *args, **kwargs)

        self._later.append(decorate)
        return call

    def _mark(self, name: str, fn: Any) -> Any:
        self._later.append(lambda: getattr(_real(), name)(fn))
        return fn

    @property
    def waiting(self) -> int:
        """Decorations that were put off."""
        return len(self._later)

    def make_ready(self) -> None:
        """Before anything is compiled: import the compiler, and decorate what was put off."""
        while self._later:
            self._later.pop()()

    @contextmanager
    def postponed(self) -> Iterator[None]:
        """Inside, whoever imports the compiler gets this; nothing changes if it is there already.

        Afterwards ``import torch._dynamo`` imports it. Until somebody does, torch's attribute
        stays this: asking torch whether it has a compiler would otherwise import it.
        """
        if NAME in sys.modules:
            yield
            return
        sys.modules[NAME] = self
        sys.modules[_TRACE_WRAPPED] = _trace_wrapped()
        import_module("torch")._dynamo = self  # type: ignore[attr-defined]
        try:
            yield
        finally:
            del sys.modules[NAME], sys.modules[_TRACE_WRAPPED]


def _trace_wrapped() -> ModuleType:
    """The one class that transformers takes from inside the compiler, to mask with ``vmap``."""
    module = ModuleType(_TRACE_WRAPPED)
    name = "TransformGetItemToIndex"
    setattr(module, name, lambda: getattr(import_module(_TRACE_WRAPPED), name)())
    return module


def _real() -> ModuleType:
    """The compiler; a second of importing."""
    if isinstance(sys.modules.get(NAME), CompilerLater):  # something new at import: see the test
        del sys.modules[NAME]
    return import_module(NAME)
