"""What was said, and when."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(allow_inf_nan=False)]


class _Span(BaseModel):
    model_config = ConfigDict(frozen=True)

    start: Seconds
    """From the beginning of the video."""
    end: Seconds


class Word(_Span):
    """One word, with the spaces and signs that belong to it taken off."""

    text: str
    probability: float = 1.0


class Measures(BaseModel):
    """How sure the model was of a segment. Whisper's own figures."""

    model_config = ConfigDict(frozen=True)

    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float


class Cue(_Span):
    """What stands on the screen at once: one segment of what was said."""

    text: str
    """May have line breaks. No markup."""
    words: tuple[Word, ...] = ()
    """In order; empty where nobody knows their times."""
    measures: Measures | None = None
    """None where no model heard it."""


class Transcript(BaseModel):
    """All of it."""

    model_config = ConfigDict(frozen=True)

    language: str
    """ISO 639-1."""
    seconds: float
    """Of what was listened to."""
    cues: tuple[Cue, ...] = ()

    @property
    def text(self) -> str:
        """As one text, a cue a line."""
        return "\n".join(cue.text for cue in self.cues)
