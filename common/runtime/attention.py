"""Puts a transformer on one of diffusers' attention backends, after seeing that it is right here.

A backend is a name of ``AttentionBackendName`` (diffusers 0.42.1, models/attention_dispatch.py).
``native`` is torch's own choice among its fused kernels; on GB10 it ties flash-attention 2
(hao-ai-lab/FastVideo, docs: spark_performance.md). Others may not be installed, not be built for
the chip, or run there and answer wrongly, as SageAttention was reported to on sm_121 (thu-ml/
SageAttention, pull request 297). So each is tried on small tensors and compared.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from itertools import product
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers.models.attention_dispatch import (
    AttentionBackendName,
    attention_backend,
    dispatch_attention_fn,
)

from common.base.settings import SettingsError

SETTING = "ATTENTION_BACKEND"

TOLERANCE = 0.2
"""Largest relative error of a token's output. bfloat16 kernels stay below 0.01; what is quantized
to 8 bits on purpose is at a few hundredths; a token that went wrong is near 1."""

LENGTHS = ((333, 333), (333, 200))
"""Queries and keys: self- and cross-attention. No multiple of a kernel's block, since the last,
partly filled block is where kernels go wrong."""
HEADS = 4
SEED = 1

UNFUSED = {AttentionBackendName.FLEX, AttentionBackendName._NATIVE_MATH}
"""They run anywhere, but hold the whole score matrix (``flex`` unless compiled): right for a test,
hopeless for a video. Never recommended."""


def use_attention(transformer: Any, name: str, device: torch.device) -> str:
    """Switch every attention of ``transformer`` to the backend ``name``; answer its name.

    What was asked for by name and cannot be had is refused rather than replaced: the speed that
    it was chosen for would be missed without anybody noticing.

    Args:
        transformer: a diffusers transformer.
        name: a backend; upper and lower case are the same.
        device: where it will run.

    Raises:
        SettingsError: no such backend, or it does not run here, or it answers wrongly; the hint
            names those that run.
    """
    known = {backend.value: backend for backend in AttentionBackendName}
    backend = known.get(name.lower())
    if backend is None:
        raise _refusal(f"there is no attention backend {name!r}.", transformer, device)
    error = worst_error(backend, transformer, device)
    if error is None:
        message = f"the attention backend {backend.value} does not run here."
        raise _refusal(message, transformer, device)
    if not error <= TOLERANCE:  # NaN is not
        message = (
            f"the attention backend {backend.value} gives wrong results here "
            f"(relative error {error:.2g})."
        )
        raise _refusal(message, transformer, device)
    with _quiet():
        transformer.set_attention_backend(backend.value)
    return str(backend.value)


def running_backends(transformer: Any, device: torch.device) -> list[str]:
    """The backends worth choosing for this transformer on ``device``. Takes about a second."""
    tried = [backend for backend in AttentionBackendName if backend not in UNFUSED]
    errors = {backend.value: worst_error(backend, transformer, device) for backend in tried}
    return [name for name, error in errors.items() if error is not None and error <= TOLERANCE]


def worst_error(
    backend: AttentionBackendName, transformer: Any, device: torch.device
) -> float | None:
    """Largest relative error of a token, over the shapes that this transformer uses.

    None where the backend does not run: not installed, not for this device, this width of head,
    or attention masks.
    """
    cases = product(head_dims(transformer), LENGTHS, (False, True))
    masks = takes_masks(transformer)
    try:
        with warnings.catch_warnings(), attention_backend(backend.value):
            warnings.simplefilter("ignore")
            return max(
                _error(backend, dim, lengths, masked, device, transformer.dtype)
                for dim, lengths, masked in cases
                if masks or not masked
            )
    except Exception:  # kernels fail in ways of their own: none of them is ours to tell apart
        return None


def head_dims(transformer: Any) -> set[int]:
    """Widths of the attention heads, of picture and sound, where there is sound."""
    names = ("attention_head_dim", "audio_attention_head_dim")
    return {transformer.config[name] for name in names if name in transformer.config}


def takes_masks(transformer: Any) -> bool:
    """Whether its attention comes with masks, which some backends do not take."""
    return "encoder_attention_mask" in signature(transformer.forward).parameters


@torch.no_grad()
def _error(
    backend: AttentionBackendName,
    head_dim: int,
    lengths: tuple[int, int],
    masked: bool,
    device: torch.device,
    dtype: torch.dtype,
) -> float:
    """In ``dtype``, which not every kernel takes; compared in float32 with torch's plain attention.

    That is done on the CPU: it is the same on every device.
    """
    source = torch.Generator("cpu").manual_seed(SEED)
    queries, keys = lengths
    shapes = [(1, length, HEADS, head_dim) for length in (queries, keys, keys)]
    inputs = [torch.randn(shape, generator=source).to(dtype) for shape in shapes]
    mask = _mask(queries, keys, dtype) if masked else None
    ours = dispatch_attention_fn(
        *(tensor.to(device) for tensor in inputs),
        attn_mask=None if mask is None else mask.to(device),
        backend=backend,
    )
    plain = _plain(inputs, mask)
    difference = (ours.cpu().float() - plain).norm(dim=-1)
    return float((difference / plain.norm(dim=-1)).max())


def _plain(inputs: list[torch.Tensor], mask: torch.Tensor | None) -> torch.Tensor:
    query, key, value = (tensor.transpose(1, 2).float() for tensor in inputs)
    additive = None if mask is None else mask.float()
    attended = torch.nn.functional.scaled_dot_product_attention(query, key, value, additive)
    return attended.transpose(1, 2)


def _mask(queries: int, keys: int, dtype: torch.dtype) -> torch.Tensor:
    """Additive, as the pipelines make it: the last quarter of the keys is padding."""
    mask = torch.zeros(1, HEADS, queries, keys, dtype=dtype)
    mask[..., keys - keys // 4 :] = torch.finfo(dtype).min
    return mask


def _refusal(message: str, transformer: Any, device: torch.device) -> SettingsError:
    runs = ", ".join(running_backends(transformer, device))
    return SettingsError(message, param=SETTING, hint=f"Take one of these: {runs}.")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without diffusers' warning, at every switch, that backends are experimental."""
    log = logging.getLogger("diffusers.models.modeling_utils")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
