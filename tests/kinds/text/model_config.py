"""A model of texts: draws words from its checkpoint's vocabulary.

Its options say how it misbehaves, so that the stack's answers to that can be tested.
"""

import os
import random
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from common.base.errors import CheckpointError
from common.contract import (
    BatchContext,
    JobContext,
    LoadOptions,
    Memory,
    ModelOptions,
    ModelSpec,
    Phase,
)
from common.contract.compute_dtype import ComputeDtype
from tests.kinds.text.kind import TEXT_KIND
from tests.kinds.text.requests import ResolvedText
from tests.kinds.text.variants import Capability, Defaults, Limits, TextVariant

BYTES_PER_WORD = 64 * 1024
Vocabulary = Sequence[str]


class TextOptions(ModelOptions):
    """How long things take, and where they go wrong."""

    step_seconds: float = Field(0, ge=0, le=60, description="Seconds of each word.")
    dies: bool = Field(False, description="Whether the process kills itself.")
    raises: bool = Field(False, description="Whether the model raises.")
    bad_seed: int | None = Field(None, ge=0, description="The only job that misbehaves.")


def load(checkpoint: Path, _options: LoadOptions) -> Vocabulary:
    """Read the words of the checkpoint."""
    file = checkpoint / "vocabulary.txt"
    if not file.is_file():
        raise CheckpointError("The text checkpoint is incomplete.", hint="Write vocabulary.txt.")
    return file.read_text().split()


def generate(vocabulary: Vocabulary, request: ResolvedText, context: JobContext) -> Iterator[str]:
    """Words by the seed."""
    _think([request], context)
    return _words(vocabulary, request)


def generate_batch(
    vocabulary: Vocabulary, requests: Sequence[ResolvedText], context: BatchContext
) -> list[Iterator[str]]:
    """Several texts, in the time of one."""
    _think(requests, context)
    return [_words(vocabulary, request) for request in requests]


def _think(requests: Sequence[ResolvedText], context: JobContext) -> None:
    options, steps = TextOptions.model_validate(requests[0].options), requests[0].words
    context.progress(Phase.ENCODING_PROMPT)
    for step in range(steps):
        context.raise_if_cancelled()
        _misbehave(options, requests)
        if options.step_seconds:  # the time that a GPU would take
            threading.Event().wait(options.step_seconds)
        context.progress(Phase.DENOISING, step + 1, steps)


def _misbehave(options: TextOptions, requests: Sequence[ResolvedText]) -> None:
    if options.bad_seed is not None and options.bad_seed not in [r.seed for r in requests]:
        return
    if options.dies:
        os.kill(os.getpid(), signal.SIGKILL)
    if options.raises:
        raise RuntimeError("secret inside of the text model")


def _words(vocabulary: Vocabulary, request: ResolvedText) -> Iterator[str]:
    drawn = random.Random(request.seed)
    return (drawn.choice(vocabulary) for _ in range(request.words))


def memory(
    checkpoint: Path, request: ResolvedText, _dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> Memory:
    """The vocabulary, and the words."""
    load_bytes = (checkpoint / "vocabulary.txt").stat().st_size
    return Memory(load_bytes=load_bytes, run_bytes=request.words * BYTES_PER_WORD)


def cost(request: ResolvedText) -> float:
    """One operation a word."""
    return float(request.words)


SPEC = ModelSpec(
    kind=TEXT_KIND,
    id="text",
    title="Text",
    licence="Apache-2.0",
    port=8098,
    variants=(
        TextVariant(
            checkpoint="videosdgx/text",
            revision="main",
            capabilities=frozenset({Capability.TEXT_TO_TEXT}),
            limits=Limits(max_words=1000),
            defaults=Defaults(words=4),
        ),
    ),
    options=TextOptions,
    load=load,
    generate=generate,
    memory=memory,
    cost=cost,
    max_batch=4,
    generate_batch=generate_batch,
)


def make_checkpoint(models_dir: Path) -> None:
    """Write the vocabulary where the service looks for it."""
    folder = models_dir / "models--videosdgx--text"
    snapshot = folder / "snapshots" / "text-revision"
    snapshot.mkdir(parents=True, exist_ok=True)
    (snapshot / "vocabulary.txt").write_text("kite wind sea string blue child hill")
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text("text-revision")
