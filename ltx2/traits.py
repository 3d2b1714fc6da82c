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
    stg_blocks: tuple[int, ...]
    """By generation, from 2.3 on by the transformer's ``cross_attn_mod``, which came with it;
    within the layers that there are."""


def traits_of(pipeline: Any) -> Traits:
    """Read the traits of a loaded ``LTX2Pipeline``."""
    scheduler, transformer = pipeline.scheduler.config, pipeline.transformer.config
    block = STG_BLOCK_2_3 if transformer.cross_attn_mod else STG_BLOCK_2_0
    return Traits(
        distilled=not scheduler.use_dynamic_shifting and scheduler.shift_terminal is None,
        stg_blocks=(min(block, transformer.num_layers - 1),),
    )
