"""The cutting room as a service. Imports no torch: the API process reads this too."""

from common.contract import ModelSpec, Quantization
from common.contract.deferred import Deferred, PipelineModule
from studio.estimates import memory_of, work_of
from studio.kind import STUDIO_KIND
from studio.options import StudioOptions
from studio.variants import VARIANTS


def _pipeline() -> PipelineModule:
    from studio import pipeline

    return pipeline


_DEFERRED = Deferred(_pipeline)

SPEC = ModelSpec(
    kind=STUDIO_KIND,
    id="studio",
    title="Cutting room: transcripts, captions, films, sound, cuts",
    licence="MIT, of the Whisper checkpoints that listen",
    port=8006,
    variants=VARIANTS,
    options=StudioOptions,
    load=_DEFERRED.load,
    generate=_DEFERRED.generate,
    memory=memory_of,
    cost=work_of,
    quantization=Quantization.NONE,
)
