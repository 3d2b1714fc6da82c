"""The trainer as a service. Imports no torch: the API process reads this too."""

from common.contract import ModelSpec, Quantization
from common.contract.deferred import Deferred, PipelineModule
from common.runtime.keep_dit import saved_bytes
from trainer.estimates import flops_of, memory_of
from trainer.kind import TRAINING_KIND
from trainer.options import TrainerOptions
from trainer.variants import VARIANTS


def _pipeline() -> PipelineModule:
    from trainer import pipeline

    return pipeline


_DEFERRED = Deferred(_pipeline)

SPEC = ModelSpec(
    kind=TRAINING_KIND,
    id="trainer",
    title="LoRAs for Wan",
    licence="Apache-2.0, of the Wan checkpoints that LoRAs are trained for",
    port=8010,
    variants=VARIANTS,
    options=TrainerOptions,
    load=_DEFERRED.load,
    generate=_DEFERRED.generate,
    memory=memory_of,
    saved_bytes=saved_bytes,
    cost=flops_of,
    quantization=Quantization.NONE,
)
