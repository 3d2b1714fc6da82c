"""Finds a model's SPEC by its address, which is all that crosses between processes."""

from importlib import import_module

from common.contract.model import ModelSpec


def load_spec(address: str) -> ModelSpec:
    """Import the SPEC at ``module:NAME``.

    Raises:
        TypeError: something else is there.
    """
    module, _, name = address.partition(":")
    spec = getattr(import_module(module), name)
    if not isinstance(spec, ModelSpec):
        raise TypeError(f"{address} is no ModelSpec")
    return spec
