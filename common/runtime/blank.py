"""A model before its weights, of whichever library its class is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from common.runtime.blank_model import BlankModel


def blank_model(
    cls: Any, folder: Path, dtype: torch.dtype, config: Mapping[str, Any] | None = None
) -> BlankModel:
    """Build ``cls`` by the ``config.json`` in ``folder``.

    ``config`` takes its place, for a ``ModelMixin`` of diffusers only.

    Raises:
        ValueError: the checkpoint is quantized already, in a library's own way.
    """
    with _one_thread():
        if hasattr(cls, "load_config"):
            from common.runtime.blank_diffusers import BlankDiffusers

            return BlankDiffusers(cls, folder, dtype, config)
        from common.runtime.blank_transformers import BlankTransformers

        return BlankTransformers(cls, folder, dtype)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Tables of positions are small: several threads wait for each other ten times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
