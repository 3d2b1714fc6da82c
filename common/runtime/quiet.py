"""Imports libraries that log what nobody can act upon: those lines, and no others, are dropped."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

_KNOWN = {
    # Wheels for arm64 have no C++ extensions, others may be of another torch; what is used here
    # needs none of them.
    "torchao": "Failed to load ",
    "torchao.utils": "Failed to load ",
    # torchao registers its enums in a way that a later torch will refuse.
    "torch.utils._pytree": "is an Enum subclass",
    # An optional kernel, from a package that downloads code.
    "bitsandbytes.backends.cpu.ops": "Failed to load CPU gemm_4bit_forward",
}
"""Logger to a part of the message."""


def quiet_import(name: str) -> Any:
    """The module ``name``; typed loosely, since these libraries are."""
    with _dropping(_KNOWN):
        return import_module(name)


@contextmanager
def _dropping(known: dict[str, str]) -> Iterator[None]:
    filters = [(logging.getLogger(name), without(text)) for name, text in known.items()]
    for logger, drop in filters:
        logger.addFilter(drop)
    try:
        yield
    finally:
        for logger, drop in filters:
            logger.removeFilter(drop)


def without(text: str) -> logging.Filter:
    """Drops the lines that contain ``text``."""

    class Drop(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            return text not in record.getMessage()

    return Drop()
