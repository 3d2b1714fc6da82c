"""Waver as a service: what a job costs, and which are made together.

Open Wan checkpoints stand in for it (``waver.variants``). Imports no torch: the API process reads
this too.
"""

from collections.abc import Sequence
from typing import Any

from common.contract import BatchContext, ModelSpec, Quantization
from common.contract.deferred import Deferred, PipelineModule
from common.kinds.video import VIDEO_KIND, VideoClip
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.keep_dit import saved_bytes
from waver.estimates import WAN_2_2, flops_of, memory_of, num_tokens
from waver.options import WaverOptions
from waver.variants import STAND_INS, WAVER_1_0


def _pipeline() -> PipelineModule:
    from waver import pipeline

    return pipeline


_DEFERRED = Deferred(_pipeline)


def generate_batch(
    pipeline: Any, requests: Sequence[ResolvedRequest], context: BatchContext
) -> list[VideoClip]:
    """Make several videos. See ``waver.pipeline.generate_batch``."""
    from waver import pipeline as waver

    return waver.generate_batch(pipeline, requests, context)


MAX_BATCH = 8

FUSED_TOKENS = 512
"""Tokens of a clip up to which it is fused with others: 256x256 and 25 frames are 448. From a few
hundred on a pass computes for longer than its weights take to be read, and a batch only makes its
first clip wait. An estimate until a GPU has measured it (docs/decisions/0018-fused-batches.md)."""


def worth_fusing(request: ResolvedRequest) -> bool:
    """Whether a clip is so small that one alone leaves the GPU idle."""
    return num_tokens(request, WAN_2_2) <= FUSED_TOKENS


SPEC = ModelSpec(
    kind=VIDEO_KIND,
    id="waver",
    title="Waver 1.0, or what stands in for it",
    licence="Apache-2.0, of the Wan checkpoints that stand in for Waver 1.0",
    port=8004,
    variants=(*STAND_INS, WAVER_1_0),
    options=WaverOptions,
    load=_DEFERRED.load,
    generate=_DEFERRED.generate,
    memory=memory_of,
    saved_bytes=saved_bytes,
    cost=flops_of,
    quantization=Quantization.FP8,
    max_batch=MAX_BATCH,
    generate_batch=generate_batch,
    worth_fusing=worth_fusing,
)
