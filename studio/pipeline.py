"""Listens with Whisper, to what a plan says of a job's files."""

from pathlib import Path

from common.contract import JobContext, LoadOptions
from studio.captions.cues import Transcript
from studio.listening.faster import FasterWhisper
from studio.listening.listen import Listener, listen
from studio.requests import ResolvedStudio

WEIGHTS = "model.safetensors"
"""Of a checkpoint that transformers loads; CTranslate2's has a ``model.bin``."""


def load(checkpoint: Path, options: LoadOptions) -> Listener:
    """The listener, by the form of its checkpoint. Raises CheckpointError, OutOfMemory."""
    if not (checkpoint / WEIGHTS).is_file():
        return FasterWhisper.load(checkpoint)
    from studio.listening.gpu import TransformersWhisper

    return TransformersWhisper.load(checkpoint, options)


def generate(pipeline: Listener, request: ResolvedStudio, context: JobContext) -> Transcript:
    """What is spoken in one of the job's files. Raises what ``listen`` raises."""
    plan = request.plan
    assert plan is not None  # noqa: S101  # whatever was to be fetched is there
    wish, found = plan.asked, request.found
    name = wish.file or next(name for name, one in found.items() if one.has_sound)
    return listen(pipeline, request.uploads[name], found[name].seconds, wish, context)
