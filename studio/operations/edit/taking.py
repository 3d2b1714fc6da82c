"""From a clip to the frames that it takes of its source."""

from fractions import Fraction

from common.base.errors import Unresolvable
from common.contract.work import Adjustment
from studio.operations.edit.plan import Span, Take
from studio.operations.edit.spans import frame_at, without
from studio.operations.edit.task import Clip, Cut
from studio.sources import Facts

_CLOSE = 0.5
"""Of a frame: ends of files are told no closer."""


def take_of(
    clip: Clip, field: str, source: Facts, rate: Fraction, changes: list[Adjustment]
) -> Take:
    """Raises Unresolvable, naming the part of ``field``."""
    whole = _whole(clip, field, source, rate, changes)
    spans = without(whole, _cuts(clip, field, whole, rate))
    if not spans:
        raise _wrong(f"{field}.cut", "nothing is left of this clip", "Cut less of it.")
    return Take(source=clip.source, spans=spans, speed=clip.speed, gain=clip.gain, mute=clip.mute)


def _whole(
    clip: Clip, field: str, source: Facts, rate: Fraction, changes: list[Adjustment]
) -> Span:
    start = frame_at(clip.start, rate)
    last = max(1, frame_at(source.seconds, rate))
    if start >= last:
        raise _wrong(
            f"{field}.start",
            f"{clip.start:g} s is after the end of {clip.source}, {source.seconds:g} s",
            "Begin earlier.",
        )
    if clip.end is None:
        return Span(start=start, end=last)
    end = frame_at(clip.end, rate)
    if end <= start:
        raise _wrong(
            f"{field}.end", f"{clip.end:g} s is not after its start, {clip.start:g} s", _ONE_FRAME
        )
    if clip.end * rate > last + _CLOSE:
        reason = f"{clip.source} ends there"
        changes.append(
            Adjustment(
                field=f"{field}.end", requested=clip.end, resolved=source.seconds, reason=reason
            )
        )
    return Span(start=start, end=min(end, last))


_ONE_FRAME = "A clip, and a cut, takes a frame at least."


def _cuts(clip: Clip, field: str, whole: Span, rate: Fraction) -> list[Span]:
    cuts = list[Span]()
    order = sorted(range(len(clip.cut)), key=lambda at: clip.cut[at].start)
    for i in order:
        span = _cut(clip.cut[i], f"{field}.cut.{i}", whole, rate)
        if cuts and span.start < cuts[-1].end:
            raise _wrong(
                f"{field}.cut.{i}",
                "it overlaps another cut",
                "Make one of both, or set them apart.",
            )
        cuts.append(span)
    return cuts


def _cut(cut: Cut, field: str, whole: Span, rate: Fraction) -> Span:
    span = Span(start=frame_at(cut.start, rate), end=frame_at(cut.end, rate))
    if span.frames <= 0:
        raise _wrong(
            f"{field}.end", f"{cut.end:g} s is not after its start, {cut.start:g} s", _ONE_FRAME
        )
    if span.end <= whole.start or span.start >= whole.end:
        raise _wrong(field, "it lies outside its clip", "Times are seconds of the source.")
    return span


def _wrong(field: str, reason: str, hint: str) -> Unresolvable:
    return Unresolvable(f"{field}: {reason}.", param=field, hint=hint)
