"""Finds what is heard in the takes of a film, and leaves the rest out."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.base.errors import Unresolvable
from studio.operations.edit.graph import Branch, branches, feeds
from studio.operations.edit.plan import EditPlan, Take
from studio.operations.edit.spans import Times, both, frames_around, merged
from studio.operations.edit.task import Silence
from studio.rendering.ffmpeg import Recipe, render
from studio.rendering.tools import Tools

RATE = 16000
"""Hz, one channel, 16 bits: what detectors of voices take."""
_WINDOW = RATE // 50
"""Samples whose highest one decides."""
_AT_ONCE = 60 * RATE
"""Samples that are looked at together: whole windows."""
_FULL_SCALE = 32768
Samples = NDArray[np.int16]


def without_silence(plan: EditPlan, tools: Tools) -> EditPlan:
    """The plan with what is heard only. A take that is mute stays as it is.

    Raises Unresolvable where nothing is heard, and what ``render`` raises.
    """
    silence = plan.silence
    assert silence is not None  # noqa: S101  # the caller's condition
    takes = [_left(branch, plan, silence, tools) for branch in branches(plan, tools.found)]
    kept = tuple(take for take in takes if take.spans)
    if not kept:
        raise Unresolvable(
            "silence: nothing is heard in any clip, so nothing would be left.",
            param="silence",
            hint="Lower its threshold, or leave it out.",
        )
    shorter = plan.model_copy(update={"takes": kept})
    return shorter.model_copy(update={"seconds": float(shorter.frames / plan.rate)})


def _left(branch: Branch, plan: EditPlan, silence: Silence, tools: Tools) -> Take:
    if not branch.heard:
        return branch.take
    rate, begin = plan.rate, branch.begin
    heard = _heard(branch, plan, silence, tools)
    spans = [frames_around(one, rate) for one in kept(heard, silence)]
    moved = [
        one.model_copy(update={"start": one.start + begin, "end": one.end + begin}) for one in spans
    ]
    return branch.take.model_copy(update={"spans": both(branch.take.spans, merged(moved))})


def _heard(branch: Branch, plan: EditPlan, silence: Silence, tools: Tools) -> Times:
    """Seconds from where the branch is read."""
    seconds = float(branch.last / plan.rate)
    start = ["atrim=start=0"] if branch.begin else []
    steps = [*start, f"aresample={RATE}:async=1:first_pts=0", f"atrim=end={seconds:.6f}"]
    filters = f"[0:a:0]{','.join(steps)}[heard]"
    output = ("-map", "[heard]", "-ac", "1", "-c:a", "pcm_s16le", "-f", "s16le")
    feed = feeds([branch], plan.rate, tools)
    path = tools.folder / "heard.raw"
    render(Recipe(feed, filters, output, path.name, seconds), tools)
    try:
        return _found(path, silence, tools)
    finally:
        path.unlink()


def _found(path: Path, silence: Silence, tools: Tools) -> Times:
    if silence.method == "voice":
        from studio.operations.edit import voice  # an ONNX runtime, for those who ask

        return voice.voices(_blocks(path, voice.AT_ONCE, tools))
    return list(louder(_blocks(path, _AT_ONCE, tools), silence.threshold))


def _blocks(path: Path, samples: int, tools: Tools) -> Iterator[Samples]:
    """So many at once: memory stays the same, however long the film."""
    with path.open("rb") as file:
        while data := file.read(samples * 2):
            tools.look()
            yield np.frombuffer(data, "<i2")


def louder(blocks: Iterable[Samples], threshold: float) -> Iterator[tuple[float, float]]:
    """Seconds where a sample is above a share of full scale, by windows of 20 ms."""
    begun, count = -1, 0
    for block in blocks:
        for loud in _windows(block) >= threshold * _FULL_SCALE:
            if loud and begun < 0:
                begun = count
            elif not loud and begun >= 0:
                yield begun * _WINDOW / RATE, count * _WINDOW / RATE
                begun = -1
            count += 1
    if begun >= 0:
        yield begun * _WINDOW / RATE, count * _WINDOW / RATE


def _windows(samples: Samples) -> NDArray[np.int32]:
    """The highest sample of each, by its amount; the last window may be short."""
    padded = np.zeros(-(-len(samples) // _WINDOW) * _WINDOW, np.int32)
    padded[: len(samples)] = samples
    highest: NDArray[np.int32] = np.abs(padded).reshape(-1, _WINDOW).max(axis=1)
    return highest


def kept(heard: Sequence[tuple[float, float]], silence: Silence) -> Times:
    """What stays: heard, or a pause too short to cut; with margins.

    Pauses are closed first: a word is many short sounds, and none of them is taken for a blip.
    """
    closed = _closed(heard, silence.min_silence)
    long = [(start, end) for start, end in closed if end - start >= silence.min_clip]
    wide = [(max(0.0, start - silence.margin), end + silence.margin) for start, end in long]
    return _closed(wide, 0.0)


def _closed(spans: Sequence[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    """Those that lie no further apart than ``gap`` become one."""
    closed = list[tuple[float, float]]()
    for start, end in spans:
        if closed and start - closed[-1][1] <= gap:
            closed[-1] = closed[-1][0], max(closed[-1][1], end)
        else:
            closed.append((start, end))
    return closed
