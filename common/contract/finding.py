"""Finds what is named by an address, ``module:NAME``: all that crosses between processes."""

from importlib import import_module
from typing import TypeVar

from common.contract.model import ModelSpec

T = TypeVar("T")


def load_spec(address: str) -> ModelSpec:
    """Import the SPEC at ``module:NAME``.

    Raises:
        TypeError: something else is there.
    """
    return found(address, ModelSpec)


def found(address: str, wanted: type[T]) -> T:
    """Import what is at ``module:NAME``. Raises TypeError: it is no ``wanted``."""
    module, _, name = address.partition(":")
    thing = getattr(import_module(module), name)
    if not isinstance(thing, wanted):
        raise TypeError(f"{address} is no {wanted.__name__}")
    return thing
