"""What a loaded checkpoint is, read from its own configs; see each field for how."""

from dataclasses import dataclass
from typing import Any

STG_BLOCK_2_0, STG_BLOCK_2_3 = 29, 28
"""Blocks that STG perturbs: ``LTX_2_PARAMS`` and ``LTX_2_3_PARAMS`` in Lightricks/LTX-2,
ltx_pipelines/utils/constants.py; docstring of ``LTX2Pipeline.__call__``."""


@dataclass(frozen=True)
class Traits:
    """Where checkpoints of one pipeline class differ."""

    distilled: bool
    """The scheduler takes sigmas as they are: no ``use_dynamic_shifting``, no ``shift_terminal``.
    The distilled schedule needs that, and checkpoints that are not distilled have both."""
    cross_timestep: bool
    """``cross_attn_mod`` of the transformer, which came with LTX-2.3: attention between picture
    and sound is modulated by the other's noise level (``use_cross_timestep``)."""
    perturbed_attention: bool
    """``perturbed_attn`` of the transformer, on since LTX-2.3. Where it is off diffusers runs the
    pass of STG without perturbing anything: it costs a pass and changes nothing."""
    stg_blocks: tuple[int, ...]
    """By generation, from 2.3 on by ``cross_timestep``; within the layers that there are."""


def traits_of(pipeline: Any) -> Traits:
    """Read the traits of a loaded ``LTX2Pipeline``."""
    scheduler, transformer = pipeline.scheduler.config, pipeline.transformer.config
    is_2_3 = bool(transformer.cross_attn_mod)
    block = STG_BLOCK_2_3 if is_2_3 else STG_BLOCK_2_0
    return Traits(
        distilled=not scheduler.use_dynamic_shifting and scheduler.shift_terminal is None,
        cross_timestep=is_2_3,
        perturbed_attention=bool(transformer.perturbed_attn),
        stg_blocks=(min(block, transformer.num_layers - 1),),
    )
