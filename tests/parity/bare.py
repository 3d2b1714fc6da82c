"""Pipelines as diffusers itself loads them, to be compared with bit for bit."""

from collections.abc import Collection
from typing import Any

import torch

from common.runtime.devices import as_torch
from tests.formats import COMPUTE_DTYPE


def bare(kind: Any, snapshot: Any, *, float32: Collection[str] = (), **parts: Any) -> Any:
    """In the format of the tests, the components named in float32, and ``parts`` as they are given.

    diffusers maps the file, so that a tensor begins anywhere; this project's begin at multiples of
    64 bytes. In float32 MKL adds up in an order that depends on it (Intel oneMKL developer guide,
    "Getting Reproducible Results"): each tensor moves to where memory is given out.
    """
    dtypes = {"default": as_torch(COMPUTE_DTYPE), **dict.fromkeys(float32, torch.float32)}
    pipeline = kind.from_pretrained(str(snapshot), dtype=dtypes, local_files_only=True, **parts)
    pipeline.set_progress_bar_config(disable=True)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            for parameter in part.parameters():
                parameter.data = parameter.data.clone()
    return pipeline
