"""Makes a loaded transformer faster or smaller by setting, and fits a decoder into memory.

Steps are cached for a job that asks for it, never by a setting (``common.runtime.step_cache``):
what is saved in time is taken in quality.

Nothing is moved off the GPU either, with one exception that somebody must ask for: group offload
on a discrete GPU. On unified memory the CPU's memory is the GPU's, so offloading costs time and
copies and gives nothing back (hao-ai-lab/FastVideo, pull request 1710: minutes, and 34 GB more).
"""

import logging
from typing import Any, Protocol

from common.runtime.libraries import compiler

import torch

from common.base.settings import SettingsError
from common.contract import LoadOptions
from common.runtime.attention import use_attention
from common.runtime.available import is_integrated

log = logging.getLogger(__name__)

BLOCKS_PER_GROUP = 1
"""One block of the transformer on the GPU, the next on its way: the least memory."""


class Tileable(Protocol):
    """A diffusers VAE, as far as its memory is concerned."""

    use_tiling: bool
    use_slicing: bool

    def enable_tiling(self) -> None: ...
    def disable_tiling(self) -> None: ...
    def enable_slicing(self) -> None: ...
    def disable_slicing(self) -> None: ...


def accelerate(transformer: Any, options: LoadOptions, device: torch.device) -> str:
    """Apply the settings to a loaded and quantized transformer.

    Args:
        transformer: a diffusers transformer, on ``device`` unless it is to be offloaded.
        options: ``attention_backend``, ``compile_blocks``, ``group_offload``.
        device: where it runs.

    Returns:
        The attention backend in use.

    Raises:
        SettingsError: a setting asks for what this device or this model does not have.
    """
    check_group_offload(options, device)
    if options.group_offload:
        _offload_groups(transformer, device)
    backend = use_attention(transformer, options.attention_backend, device)
    if options.compile_blocks:
        # The first job of each shape pays for it; every block has the same code, so it is
        # compiled once, not once for each of its forty or so copies.
        compiler.make_ready()
        transformer.compile_repeated_blocks()
    return backend


def check_group_offload(options: LoadOptions, device: torch.device) -> None:
    """Refuse group offload where it helps nobody. Call it before weights are read.

    Raises:
        SettingsError: ``device`` is the CPU, or a GPU that shares its memory.
    """
    if not options.group_offload or (device.type == "cuda" and not is_integrated(device)):
        return
    shares = "is the CPU" if device.type == "cpu" else "shares its memory with the CPU"
    raise SettingsError(
        f"GROUP_OFFLOAD is on, but the device {shares}: there is nowhere to offload to.",
        param="GROUP_OFFLOAD",
        hint="Turn it off. A smaller QUANTIZATION takes less memory.",
    )


def refuse_group_offload(options: LoadOptions) -> None:
    """Refuse group offload for a model that has not been built for it. Call it first.

    Raises:
        SettingsError: it is on.
    """
    if options.group_offload:
        raise SettingsError(
            "GROUP_OFFLOAD is on, and this model cannot be kept off the GPU in parts.",
            param="GROUP_OFFLOAD",
            hint="Turn it off for this service. A smaller QUANTIZATION takes less memory.",
        )


def _offload_groups(transformer: Any, device: torch.device) -> None:
    transformer.enable_group_offload(
        onload_device=device,
        offload_device=torch.device("cpu"),
        offload_type="block_level",
        num_blocks_per_group=BLOCKS_PER_GROUP,
        use_stream=True,
    )
    log.info("group offload is on: blocks stay in the CPU's memory until their turn")


def fit_decoder(vae: Tileable, needed_bytes: int, available_bytes: int) -> bool:
    """Decode in tiles if, and only if, decoding at once would not fit. Answers whether.

    Tiles overlap and are blended: slower, and not the same picture to the bit. The next job may
    be smaller, so it is decided for each job anew.

    Args:
        vae: whose ``use_tiling`` and ``use_slicing`` are set.
        needed_bytes: estimate of decoding this video in one piece.
        available_bytes: what decoding may take.
    """
    tiles = needed_bytes > available_bytes
    if tiles:
        vae.enable_tiling()
        vae.enable_slicing()
        log.warning(
            "decoding in tiles: the video would not fit in one piece",
            extra={"needed_bytes": needed_bytes, "available_bytes": available_bytes},
        )
    else:
        vae.disable_tiling()
        vae.disable_slicing()
    return tiles
