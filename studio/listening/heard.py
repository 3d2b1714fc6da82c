"""What a model says that it heard, before anything in it is put right."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class HeardWord:
    """One word. A time is None where the model could not tell it."""

    text: str
    """With the signs and spaces around it."""
    start: float | None
    end: float | None
    probability: float = 1.0


@dataclass(frozen=True)
class Segment:
    """A sentence, or what was said without a pause. Times are seconds of the whole sound."""

    start: float
    end: float
    text: str
    words: tuple[HeardWord, ...] = ()
    avg_logprob: float = 0.0
    """Of its tokens."""
    no_speech_prob: float = 0.0
    compression_ratio: float = 1.0
    """Of its text, by zlib: what repeats itself is small."""
    temperature: float = 0.0

    def later(self, seconds: float) -> Self:
        """The same, so much later."""
        words = tuple(
            replace(
                word,
                start=None if word.start is None else word.start + seconds,
                end=None if word.end is None else word.end + seconds,
            )
            for word in self.words
        )
        return replace(self, start=self.start + seconds, end=self.end + seconds, words=words)
