"""Loudness by EBU R 128: measured first, then one gain for all of it.

A gain leaves what is loud and what is quiet as far apart as it was; where peaks would be clipped, a
limiter holds them. One pass of ``loudnorm`` would pump, and two cost three times as much: it works
at 192 kHz.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from studio.rendering.ffmpeg import Feed, Recipe, said
from studio.rendering.tools import Tools

Loudness = Annotated[float, Field(ge=-31, le=-6)]
"""In LUFS. Platforms of short films play at -14, broadcasters at -23 (EBU R 128)."""

LIMIT = 0.84
"""Highest sample, -1.5 dBFS: between samples, and after AAC, peaks stay near -1 dBTP."""
_PEAK_DB = -1.0
_MOST_GAIN_DB = 40.0
_SILENT = -69.0
"""LUFS. The scale of EBU R 128 ends at -70: there is nothing to be heard."""
_LOUD = re.compile(r"\bI:\s+(-?[\d.]+|-inf) LUFS")
_PEAK = re.compile(r"\bPeak:\s+(-?[\d.]+|-inf) dBFS")

LIMITER = f"alimiter=limit={LIMIT}:attack=5:release=50:level=false:latency=true"


@dataclass(frozen=True)
class Measured:
    """What is heard: ``integrated`` in LUFS, the highest ``peak`` in dBTP."""

    integrated: float
    peak: float


@dataclass(frozen=True)
class Gain:
    """What brings it to a loudness."""

    measured: Measured
    gain: float
    """In dB."""
    limited: bool

    @property
    def filters(self) -> tuple[str, ...]:
        """For ffmpeg."""
        gain = f"volume={self.gain:.2f}dB"
        return (gain, LIMITER) if self.limited else (gain,)

    @property
    def report(self) -> dict[str, float | bool]:
        """For the client."""
        return {
            "measured_lufs": self.measured.integrated,
            "measured_peak_dbtp": self.measured.peak,
            "gain_db": round(self.gain, 2),
            "limited": self.limited,
        }


def gain_to(target: float, measured: Measured) -> Gain:
    """To ``target`` LUFS. Silence stays silence."""
    if measured.integrated <= _SILENT:
        return Gain(measured, 0.0, limited=False)
    gain = max(-_MOST_GAIN_DB, min(_MOST_GAIN_DB, target - measured.integrated))
    return Gain(measured, gain, limited=measured.peak + gain > _PEAK_DB)


def measure(feeds: Sequence[Feed], sound: str, seconds: float, tools: Tools) -> Measured:
    """Listen to what a filter graph makes: its output is called ``[sound]``.

    Raises what ``render`` raises.
    """
    filters = f"{sound};[sound]ebur128=peak=true:framelog=quiet[heard]"
    lines = said(Recipe(feeds, filters, ("-map", "[heard]"), "", seconds), tools)
    return measured_in("\n".join(lines))


def measured_in(words: str) -> Measured:
    """What ffmpeg says of it."""
    return Measured(_last(_LOUD, words, -70.0), _last(_PEAK, words, -120.0))


def _last(pattern: re.Pattern[str], words: str, lowest: float) -> float:
    values = pattern.findall(words)
    return max(lowest, float(values[-1])) if values else lowest
