"""``POST /transcribe``: what is said in a video or a sound file, and when, word by word."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, AliasChoices, Field

from common.base.errors import InvalidRequest, Unresolvable
from common.contract.fields import Prompt
from studio.captions.cues import Transcript
from studio.captions.writing import karaoke, srt, vtt
from studio.files import CAPTIONS, SEGMENTS
from studio.listening.languages import LANGUAGES
from studio.listening.wish import Wish
from studio.rendering.tools import Tools
from studio.sources import MOVING, SOUNDING, Found, Source, Wanted, check_sound
from studio.tasks import Made, Operation, Plan, Planned, Task
from studio.variants import Capability, StudioVariant


def _known(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError("must be an ISO 639-1 code that Whisper knows, as in pt")
    return code


Language = Annotated[str, AfterValidator(_known), Field(max_length=3)]
Temperature = Annotated[float, Field(ge=0, le=1)]


class Transcribe(Task):
    """What is heard, and how."""

    hints: ClassVar[Mapping[str, str]] = {"language": "Leave it out: it is found out then."}

    operation: Literal["transcribe"] = "transcribe"
    video: Source | None = Field(
        None,
        validation_alias=AliasChoices("video", "url_video"),
        description="Of which the sound is heard: a finished job or an address; or upload it.",
    )
    audio: Source | None = Field(
        None,
        validation_alias=AliasChoices("audio", "url_audio"),
        description="Likewise, in place of `video`.",
    )
    task: Literal["transcribe", "translate"] = Field(
        "transcribe", description="`translate` writes English, whatever is spoken."
    )
    language: Language | None = Field(
        None, description="That is spoken, as in `pt`. Left out, it is found out."
    )
    prompt: Prompt | None = Field(
        None,
        description="Names that come up, in the style that is wanted; a long one's end.",
    )
    temperature: Temperature = Field(0, description="Where sampling begins.")
    vad: bool = Field(True, description="Hear speech alone: a model makes words up in silence.")

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        return {
            "video": Wanted(MOVING, self.video, needed=False),
            "audio": Wanted(SOUNDING, self.audio, needed=False),
        }

    def check(self, variant: StudioVariant) -> None:
        if self.task == "translate" and Capability.TRANSLATE not in variant.capabilities:
            raise Unresolvable(
                f"task: {variant.name} cannot translate.", param="task", hint=_TRANSLATORS
            )
        if variant.english_only and self.language not in (None, "en"):
            raise Unresolvable(
                f"language: {variant.name} knows English alone.",
                param="language",
                hint="Set STUDIO_CHECKPOINT to another one; docs/cutting-room.md lists them.",
            )


_TRANSLATORS = (
    "Ask for transcribe, or set STUDIO_CHECKPOINT to one that translates, such as "
    "Systran/faster-whisper-small."
)


class TranscribePlan(Plan):
    """Exactly what is listened to."""

    operation: Literal["transcribe"] = "transcribe"
    listens: ClassVar[bool] = True
    wish: Wish = Wish()

    @property
    def asked(self) -> Wish:
        return self.wish


def resolve(task: Transcribe, found: Found) -> Planned:
    """Raises InvalidRequest, Unresolvable."""
    if not found:
        raise InvalidRequest(
            "audio is missing.",
            param="audio",
            hint='Send the file as audio or video in a form, or name a job: {"job": "..."}.',
        )
    if len(found) > 1:
        raise Unresolvable(
            "audio and video are both given.", param="audio", hint="Send one of them."
        )
    [(name, facts)] = found.items()
    check_sound(found, name, "Send a file in which somebody speaks.")
    wish = Wish(
        file=name,
        language=task.language,
        translates=task.task == "translate",
        prompt=task.prompt,
        temperature=task.temperature,
        vad=task.vad,
    )
    return Planned(TranscribePlan(seconds=facts.seconds, wish=wish))


def make(_plan: TranscribePlan, heard: Transcript, tools: Tools) -> Made:
    """Nothing is rendered: the transcript is written in each of its forms."""
    texts = {
        "segments.srt": srt(heard.cues),
        "captions.vtt": vtt(heard.cues),
        "karaoke.ass": karaoke(heard.cues),
        "words.json": heard.model_dump_json(indent=1),
        "transcript.txt": heard.text + "\n",
    }
    assert texts.keys() == {file.name for file in CAPTIONS}  # noqa: S101  # all that are promised
    for name, text in texts.items():
        (tools.folder / name).write_text(text or "\n", encoding="utf-8")  # no file is empty
    words = sum(len(cue.words) or len(cue.text.split()) for cue in heard.cues)
    report = {"language": heard.language, "words": words, "seconds_heard": heard.seconds}
    return Made(SEGMENTS.name, report, has_captions=True)


TRANSCRIBE = Operation(
    path="/transcribe",
    summary="Write down what is said",
    description="Every word with its time: as SRT, WebVTT, karaoke (ASS), JSON and text.",
    task=Transcribe,
    plan=TranscribePlan,
    resolve=resolve,
    make=make,
)
