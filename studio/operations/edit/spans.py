"""Spans of time and of frames."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

from studio.operations.edit.plan import Span, Take

Times = Sequence[tuple[float, float]]
"""Seconds, from and up to; in order, none overlaps another."""
_NEAR = 1e-6
"""Of a frame: what a decimal of seconds is off."""
FAR_SECONDS = 20.0
"""Decoding through so much that nobody sees costs less than one more decoder."""


def frame_at(seconds: float, rate: Fraction) -> int:
    """The frame that begins nearest to a time."""
    return round(Fraction(seconds) * rate)


def frames_around(seconds: tuple[float, float], rate: Fraction) -> Span:
    """All frames that a span of time touches: none that is heard loses its beginning."""
    start, end = (float(Fraction(one) * rate) for one in seconds)
    return Span(start=int(start + _NEAR), end=-int(-(end - _NEAR) // 1))


def without(span: Span, cuts: Iterable[Span]) -> tuple[Span, ...]:
    """What is left of it; ``cuts`` are in order."""
    left, at = list[Span](), span.start
    for cut in cuts:
        if cut.start > at:
            left.append(Span(start=at, end=min(cut.start, span.end)))
        at = max(at, cut.end)
    if at < span.end:
        left.append(Span(start=at, end=span.end))
    return tuple(one for one in left if one.frames > 0)


def both(some: Sequence[Span], others: Sequence[Span]) -> tuple[Span, ...]:
    """What lies in one of each; both are in order."""
    shared, i, j = list[Span](), 0, 0
    while i < len(some) and j < len(others):
        start, end = max(some[i].start, others[j].start), min(some[i].end, others[j].end)
        if start < end:
            shared.append(Span(start=start, end=end))
        if some[i].end < others[j].end:
            i += 1
        else:
            j += 1
    return tuple(shared)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same frames, without seams; they are in order of their beginnings."""
    whole = list[Span]()
    for span in spans:
        if whole and span.start <= whole[-1].end:
            whole[-1] = Span(start=whole[-1].start, end=max(whole[-1].end, span.end))
        else:
            whole.append(span)
    return tuple(whole)


def joined(
    takes: Iterable[Take], rate: Fraction, far_seconds: float = FAR_SECONDS
) -> tuple[Take, ...]:
    """Fewer takes that make the same film: those that go on in the same source become one."""
    fewer = list[Take]()
    for take in takes:
        if fewer and _goes_on(fewer[-1], take, far_seconds * rate):
            spans = merged((*fewer[-1].spans, *take.spans))
            fewer[-1] = fewer[-1].model_copy(update={"spans": spans})
        else:
            fewer.append(take)
    return tuple(fewer)


def _goes_on(one: Take, other: Take, most: float) -> bool:
    alike = one.model_copy(update={"spans": other.spans}) == other
    gap = other.spans[0].start - one.spans[-1].end
    return alike and 0 <= gap <= most
