"""Where someone speaks, by the Silero detector that comes with faster-whisper (MIT)."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

RATE = 16000
AT_ONCE = 300 * RATE
"""Samples that are heard together. The detector begins anew with each block."""
_PAUSE_MS = 100
"""Shorter ones end no speech."""
_FULL_SCALE = 32768


def voices(blocks: Iterable[NDArray[np.int16]]) -> list[tuple[float, float]]:
    """Seconds from and up to, in order; one channel at 16 kHz."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(min_silence_duration_ms=_PAUSE_MS, speech_pad_ms=0)
    found, first = list[tuple[float, float]](), 0
    for block in blocks:
        spans = get_speech_timestamps(block.astype(np.float32) / _FULL_SCALE, options)
        found += [((first + one["start"]) / RATE, (first + one["end"]) / RATE) for one in spans]
        first += len(block)
    return found
