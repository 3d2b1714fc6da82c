"""A transcript as clients of OpenAI's Audio API read it."""

from typing import Literal

from pydantic import BaseModel, Field

from studio.captions.cues import Cue, Measures, Transcript
from studio.listening.languages import name_of
from studio.openai.requests import Granularity

_UNMEASURED = Measures(avg_logprob=0, no_speech_prob=0, compression_ratio=1, temperature=0)


class UsageView(BaseModel):
    """What was listened to."""

    type: Literal["duration"] = "duration"
    seconds: int


class TranscriptionView(BaseModel):
    """The answer to ``json``."""

    text: str
    usage: UsageView


class WordView(BaseModel):
    """One word, without the signs around it."""

    word: str
    start: float
    end: float


class SegmentView(BaseModel):
    """One segment. ``tokens`` are not kept: the list is empty."""

    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: list[int] = []
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class VerboseView(BaseModel):
    """The answer to ``verbose_json``."""

    task: Literal["transcribe", "translate"]
    language: str = Field(description="Its English name, as in `portuguese`.")
    duration: float
    text: str
    segments: list[SegmentView] | None = None
    words: list[WordView] | None = None
    usage: UsageView


def transcription_view(heard: Transcript) -> TranscriptionView:
    """The text alone."""
    return TranscriptionView(text=text_of(heard), usage=_usage(heard))


def verbose_view(
    heard: Transcript, granularities: tuple[Granularity, ...], *, translated: bool
) -> VerboseView:
    """With the times that are wanted: those of segments where nothing is said."""
    wanted = granularities or (Granularity.SEGMENT,)
    segments = [_segment(number, cue) for number, cue in enumerate(heard.cues)]
    words = [
        WordView(word=word.text, start=word.start, end=word.end)
        for cue in heard.cues
        for word in cue.words
    ]
    return VerboseView(
        task="translate" if translated else "transcribe",
        language=name_of(heard.language),
        duration=heard.seconds,
        text=text_of(heard),
        segments=segments if Granularity.SEGMENT in wanted else None,
        words=words if Granularity.WORD in wanted else None,
        usage=_usage(heard),
    )


def text_of(heard: Transcript) -> str:
    """On one line, as theirs is."""
    return " ".join(cue.text for cue in heard.cues)


def _usage(heard: Transcript) -> UsageView:
    return UsageView(seconds=round(heard.seconds))


def _segment(number: int, cue: Cue) -> SegmentView:
    measures = cue.measures or _UNMEASURED
    return SegmentView(
        id=number,
        seek=round(cue.start * 100),
        start=cue.start,
        end=cue.end,
        text=f" {cue.text}",
        **measures.model_dump(),
    )
