"""Runs ffmpeg on the inputs of a job.

As the reader of uploads does: it is handed open files and knows the ``fd`` protocol only, a few
containers and decoders, in bounds that the kernel holds. Decoders and filters share one process: a
frame travels no further than it must.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from common.media.codecs import bounds_of
from common.media.ffmpeg import FfmpegChild
from common.media.side_inputs import SideInputs
from studio.rendering.allowed import BOUNDS, DECODING
from studio.rendering.tools import Tools

ADDRESS_BYTES = 6 * 1024**3
"""Of the child. Two 4K videos, scaled and joined, took 2.1 GiB of addresses."""
ADDRESS_BYTES_A_FEED = 400 * 1024**2
"""Of each further input: its five threads claim a heap of 64 MiB and a stack each."""
_LONGEST_ARGUMENT = 100_000


@dataclass(frozen=True)
class Feed:
    """One input of a run, a file or what would be in it, and ffmpeg's options for it."""

    file: Path | bytes
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """One run of ffmpeg.

    ``filters`` is a filter graph, and may be empty; ``output`` has maps, codecs and all else that
    is said of ``name``, a file of the job's folder. ``seconds`` is how long that plays.
    ``beside`` are texts that filters read: ``{name}`` in the graph becomes a path of each.
    """

    feeds: Sequence[Feed]
    filters: str
    output: Sequence[str]
    name: str
    seconds: float
    beside: Mapping[str, bytes] = field(default_factory=dict)


def render(recipe: Recipe, tools: Tools) -> list[str]:
    """Run it, and answer what ffmpeg said meanwhile: its last lines.

    Raises:
        EncodingFailed: ffmpeg failed; its last words are in the log.
        StorageFull: the disk is full.
        JobCancelled, JobReleased: from ``tools.look``.
    """
    path = tools.folder / recipe.name
    try:
        return _run(recipe, (f"file:{path}",), tools)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def said(recipe: Recipe, tools: Tools) -> list[str]:
    """Run one that writes nothing, and answer what its filters said in the end.

    Raises what ``render`` raises.
    """
    return _run(recipe, ("-loglevel", "info", "-f", "null", "-"), tools)


def _run(recipe: Recipe, target: Sequence[str], tools: Tools) -> list[str]:
    with SideInputs() as texts, _opened(recipe.feeds, texts) as (inputs, descriptors):
        graph = _graph(recipe, texts)
        arguments = [*BOUNDS, *inputs, *graph, *recipe.output, *target]
        most = ADDRESS_BYTES + ADDRESS_BYTES_A_FEED * max(0, len(recipe.feeds) - 1)
        limits = bounds_of(tools.encoder.codec, most)
        child = FfmpegChild(arguments, [*descriptors, *texts.descriptors], limits)
    try:
        child.close_input()

        def look() -> None:
            tools.look()
            tools.tell(child.seconds_done(), recipe.seconds)

        if child.wait(look) != 0:
            raise child.failure()
        return child.words()
    except BaseException:
        child.kill()
        raise
    finally:
        child.close()


def _graph(recipe: Recipe, texts: SideInputs) -> list[str]:
    """A long one goes through a file: the kernel takes no argument above 128 KiB."""
    graph = recipe.filters
    for name, text in recipe.beside.items():
        graph = graph.replace(f"{{{name}}}", texts.add(name, text))
    if len(graph) > _LONGEST_ARGUMENT:
        return ["-/filter_complex", texts.add("filters", graph.encode())]
    return ["-filter_complex", graph] if graph else []


@contextmanager
def _opened(feeds: Sequence[Feed], texts: SideInputs) -> Iterator[tuple[list[str], list[int]]]:
    """The options of all inputs, and their descriptors: ffmpeg has its own copies once it runs."""
    options, descriptors = list[str](), list[int]()
    with ExitStack() as stack:
        for feed in feeds:
            path = feed.file if isinstance(feed.file, Path) else texts.add("input", feed.file)
            descriptor = os.open(path, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            descriptors.append(descriptor)
            options += [*DECODING, *feed.options, "-fd", str(descriptor), "-i", "fd:"]
        yield options, descriptors
