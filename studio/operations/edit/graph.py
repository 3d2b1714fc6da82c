"""The filter graph of a film.

Picture and sound are cut at the same frames. Each source is first made even: frame n is what is
shown at n / rate, and block n of the sound is what is heard meanwhile, a whole number of samples
long. One expression then picks frames and blocks alike, so that nothing can drift, however many
cuts there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from studio.operations.edit.canvas import Size, filters
from studio.operations.edit.plan import EditPlan, Span, Take
from studio.rendering.ffmpeg import Feed
from studio.rendering.tools import Tools
from studio.sources import Facts

OUT_RATE = 48000
"""Hz, of the finished sound."""
_RUN_UP_SECONDS = Fraction(1, 2)
"""Decoders of sound need what comes before, to be right."""
_SLOWEST = 0.5
"""The least that one ``atempo`` does."""
_FINE = 1000
"""Parts of a frame in which a change of speed is counted."""


@dataclass(frozen=True)
class Branch:
    """One take, as an input of ffmpeg: its number, what it is of, and where reading begins."""

    number: int
    take: Take
    facts: Facts
    begin: int
    """The frame of the source that counts as 0."""

    @property
    def spans(self) -> tuple[Span, ...]:
        """Counted from ``begin``."""
        return tuple(
            Span(start=span.start - self.begin, end=span.end - self.begin)
            for span in self.take.spans
        )

    @property
    def last(self) -> int:
        """The frame after the last one that is needed."""
        return self.spans[-1].end

    @property
    def heard(self) -> bool:
        """Whether its sound is in the film."""
        return self.facts.has_sound and not self.take.mute


def block_rate(rate: Fraction) -> int:
    """Hz, 48 000 or a little more, at which a frame lasts a whole number of samples."""
    return ceil(Fraction(OUT_RATE, rate.numerator)) * rate.numerator


def branches(plan: EditPlan, found: Mapping[str, Facts]) -> tuple[Branch, ...]:
    """An input for each take."""
    run_up = ceil(_RUN_UP_SECONDS * plan.rate)
    return tuple(
        Branch(i, take, found[take.source], max(0, take.spans[0].start - run_up))
        for i, take in enumerate(plan.takes)
    )


def feeds(taken: Sequence[Branch], rate: Fraction, tools: Tools) -> list[Feed]:
    """The files, each read from a little before what is needed of it."""
    return [_feed(branch, rate, tools, len(taken)) for branch in taken]


def _feed(branch: Branch, rate: Fraction, tools: Tools, count: int) -> Feed:
    # Not accurate: what was shown before the beginning is shown on, where the rate varies.
    begin = f"{float(branch.begin / rate):.6f}"
    seek = ("-noaccurate_seek", "-ss", begin) if branch.begin else ()
    threads = ("-threads", "2") if count > 1 else ()  # each would take one for every core
    return Feed(tools.files[branch.take.source], (*threads, *seek))


def sound(plan: EditPlan, taken: Sequence[Branch]) -> str:
    """Makes ``[sound]``."""
    rate = block_rate(plan.rate)
    samples = int(rate / plan.rate)
    parts = [f"{_heard(branch, rate, samples)}[s{branch.number}]" for branch in taken]
    labels = "".join(f"[s{branch.number}]" for branch in taken)
    whole = [f"{labels}concat=n={len(taken)}:v=0:a=1", "asetpts=N/SR/TB"]
    if rate != OUT_RATE:
        whole.append(f"aresample={OUT_RATE}")
    if plan.fade_in:
        whole.append(f"afade=t=in:d={plan.fade_in:.6f}")
    if plan.fade_out:
        begin = max(0, plan.seconds - plan.fade_out)
        whole.append(f"afade=t=out:st={begin:.6f}:d={plan.fade_out:.6f}")
    return ";".join([*parts, f"{','.join(whole)}[sound]"])


def _heard(branch: Branch, rate: int, samples: int) -> str:
    take = branch.take
    exactly = f"atrim=end_sample={take.frames * samples}"
    if not branch.heard:
        return f"anullsrc=r={rate}:cl=stereo,aformat=sample_fmts=fltp,{exactly}"
    steps = [
        *(["atrim=start=0"] if branch.begin else []),
        f"aresample={rate}:async=1:first_pts=0",
        "aformat=sample_fmts=fltp:channel_layouts=stereo",
        "apad",
        f"asetnsamples=n={samples}",
        f"atrim=end_sample={branch.last * samples}",
        *(f"aselect='{expression}'" for expression in _picked(branch)),
        "asetpts=N/SR/TB",
    ]
    if take.speed != 1:
        steps += [*_tempo(take.speed), "apad", exactly]
    if take.gain:
        steps.append(f"volume={take.gain}dB")
    return f"[{branch.number}:a:0]{','.join(steps)}"


def picture(plan: EditPlan, taken: Sequence[Branch]) -> str:
    """Makes ``[picture]``, before anything is laid over it."""
    parts = [f"{_seen(plan, branch)}[v{branch.number}]" for branch in taken]
    labels = "".join(f"[v{branch.number}]" for branch in taken)
    even = f"settb={1 / plan.rate},setpts=N"
    return ";".join([*parts, f"{labels}concat=n={len(taken)}:v=1:a=0,{even}[picture]"])


def _seen(plan: EditPlan, branch: Branch) -> str:
    take, facts, onto = branch.take, branch.facts, (plan.width, plan.height)
    # Files are shorter than they say: the last frame stands for what is missing.
    steps = [
        f"fps={plan.rate}:start_time=0",
        "tpad=stop=-1:stop_mode=clone",
        f"trim=end_frame={branch.last}",
        *(f"select='{expression}'" for expression in _picked(branch)),
        "setpts=N",
    ]
    if take.speed != 1:
        fine = plan.rate * _FINE
        steps += [
            f"settb={1 / fine},setpts=N*{_FINE}/{take.speed}",
            f"fps={plan.rate}:start_time=0",
            "tpad=stop=-1:stop_mode=clone",
            f"trim=end_frame={take.frames}",
        ]
    size: Size = (facts.width, facts.height)
    steps += filters(size, onto, plan.fit, plan.focus)
    return f"[{branch.number}:V:0]{','.join(steps)}"


def _picked(branch: Branch) -> Iterator[str]:
    """Which frames are kept, by their number; nothing where all are."""
    if branch.spans != (Span(start=0, end=branch.last),):
        yield picked(branch.spans)


def picked(spans: Sequence[Span]) -> str:
    """An expression of ffmpeg in ``n``. Halves decide, so that a thousand cuts cost ten looks."""
    if len(spans) == 1:
        return f"between(n,{spans[0].start},{spans[0].end - 1})"
    half = len(spans) // 2
    return f"if(lt(n,{spans[half].start}),{picked(spans[:half])},{picked(spans[half:])})"


def _tempo(speed: float) -> Iterator[str]:
    while speed < _SLOWEST:
        yield f"atempo={_SLOWEST}"
        speed /= _SLOWEST
    yield f"atempo={speed:.6f}"
