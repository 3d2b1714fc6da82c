"""What a client asks for, and what it becomes: the request vocabulary of every service."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import (
    ConfigDict,
    Field,
    HttpUrl,
    ValidationInfo,
    field_validator,
    model_validator,
)

from common.contract.fields import (
    FrameCount,
    FrameRate,
    GuidanceScale,
    Name,
    Options,
    Priority,
    Prompt,
    SaidPrompt,
    Seconds,
    Seed,
    Size,
    Steps,
    Variables,
    contradiction,
)
from common.contract.work import Resolved
from common.kinds.video.afterwards import Afterwards
from common.kinds.video.examples import EXAMPLES
from common.kinds.video.loras import Loras, ResolvedLora
from common.kinds.video.sources import Beginnings

SIZE_HINT = 'Width x height in pixels, as in "1024x576".'


class GenerateRequest(Beginnings, Afterwards):
    """The body of ``POST /generate``. Everything but ``prompt`` or ``template`` may be left out."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"examples": EXAMPLES},
    )

    hints: ClassVar[Mapping[str, str]] = {
        "resolution": SIZE_HINT,
        "video": "Name a finished job, or send multipart/form-data with the file as video.",
    }
    inline: ClassVar[frozenset[str]] = frozenset({"image", "last_image"})

    # Before the prompt, whose check looks at it.
    template: Name | None = Field(
        None, description="Makes the prompt, in place of `prompt`. `GET /presets` lists them."
    )
    variables: Variables = Field(
        default_factory=dict, description="What the template leaves open, by name."
    )
    prompt: SaidPrompt | None = Field(
        None, validate_default=True, description="What the video shows, in plain words."
    )
    negative_prompt: Prompt | None = Field(
        None, description="What it should not show. Left out: the model's own default."
    )
    enhance_prompt: bool = Field(
        False,
        description="Have the prompt rewritten in more detail, on services that list"
        " `prompt_enhancement`. The job shows what the model was given.",
    )
    duration: Seconds | None = Field(
        None,
        description="Length in seconds. Give this or `num_frames`, not both. "
        "Where a video is continued, the length of what is new.",
    )
    num_frames: FrameCount | None = Field(
        None, description="Length in frames. The nearest count that the model can make is taken."
    )
    resolution: Size | None = Field(None, description="Width x height in pixels, as in `1024x576`.")
    fps: FrameRate | None = Field(
        None, description="Frames a second. Models with one native rate take that, and say so."
    )
    seed: Seed | None = Field(
        None, description="Same seed, same parameters, same video. Drawn and recorded when absent."
    )
    num_inference_steps: Steps | None = Field(
        None, description="Denoising steps: more is slower and finer."
    )
    guidance_scale: GuidanceScale | None = Field(
        None, description="How strictly the prompt is followed. 1 is off and twice as fast."
    )
    generate_audio: bool | None = Field(
        None, description="Sound with the picture, on models that make it."
    )
    loras: Loras = Field(
        (), description="LoRAs that count for this video, from `GET /loras`, each with a strength."
    )
    options: Options = Field(
        default_factory=dict, description="The model's own options, listed by `GET /info`."
    )
    webhook_url: HttpUrl | None = Field(
        None, description="Called when the job has ended, where the service allows it."
    )
    preset: Name | None = Field(
        None,
        description="`draft`, `standard` or `high`: size, steps and guidance in one word, for what "
        "is not given here. `GET /presets` lists their values.",
    )
    priority: Priority = Field(
        "normal",
        description="Place in the queue: a step is worth 50 places, so that nobody waits for ever.",
    )
    dry_run: bool = Field(
        False, description="Answer what would be made and what it would cost; make nothing."
    )

    @field_validator("prompt", "negative_prompt")
    @classmethod
    def _printable(cls, value: str | None) -> str | None:
        if value is not None and "\x00" in value:
            raise ValueError("must not contain NUL characters")
        return value

    @field_validator("variables")
    @classmethod
    def _of_a_template(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        if value and info.data.get("template", "") is None:
            raise contradiction("there is no template that they could go into")
        return value

    @field_validator("prompt")
    @classmethod
    def _one_prompt(cls, value: str | None, info: ValidationInfo) -> str | None:
        template = info.data.get("template")
        if value is None and template is None:
            raise contradiction("must be given, or a template in its place")
        if value is not None and template is not None:
            raise contradiction("the template makes it; give one of them")
        if value is not None and not value.strip():
            raise ValueError("must say something: it is empty")
        return value

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.duration is not None and self.num_frames is not None:
            raise contradiction("give duration or num_frames, not both")
        if self.retake is not None and (self.duration or self.num_frames):
            raise contradiction("retake keeps the length: leave duration and num_frames out")
        return self


class ResolvedRequest(Resolved):
    """Exactly what the model makes: every value is set and legal for the checkpoint."""

    prompt: str
    negative_prompt: str
    width: int
    height: int
    num_frames: int
    """Frames that are made; the file has ``video_frames`` more in front."""
    fps: float
    seed: int
    num_inference_steps: int
    guidance_scale: float
    generate_audio: bool = False
    image: Path | None = None
    """The input picture; in the job's record the file's name, in the worker its full path."""
    last_image: Path | None = None
    """The picture that the clip ends with; like ``image``."""
    video: Path | None = None
    """The video that is continued; like ``image``."""
    video_frames: int = 0
    """How many of its frames the model is shown and goes on from, at ``fps``: the first of
    ``video``, the last of ``extend``."""
    strength: float | None = None
    """How far ``video`` is made anew; None where it is continued."""
    extend: Path | None = None
    """The finished video that goes on; like ``image``."""
    extend_frames: int = 0
    """All of its frames at ``fps``, which the file has in front."""
    retake: Path | None = None
    """The finished video of which a span is made anew; like ``image``."""
    retake_frames: int = 0
    """All of its frames at ``fps``. The model is shown the first ``num_frames``."""
    retake_from: int = 0
    retake_to: int = 0
    """The first frame that is made anew, and the one behind the last."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Already validated by the model's options class: ``SPEC.options(**request.options)``."""
    preset: str | None = None
    """Which one gave the values that the client did not."""
    loras: tuple[ResolvedLora, ...] = ()
    frame_interpolation_exp: int = 0
    """The file has 2 to this power times the model's frame rate."""
    upscaling_scale: int = 1
    """The file has so many times the model's sides."""
    enhance_prompt: bool = False
    """Whether the prompt is rewritten; no more, once that could not be done."""
    enhanced_prompt: str | None = None
    """What the model is given in place of ``prompt``, once it is written."""

    @property
    def awaits_help(self) -> bool:
        """Whether the prompt is still to be rewritten."""
        return self.enhance_prompt and self.enhanced_prompt is None

    @property
    def refined(self) -> bool:
        """Whether frames become more or larger after the model."""
        return self.frame_interpolation_exp > 0 or self.upscaling_scale > 1

    @property
    def clip_frames(self) -> int:
        """Frames of the clip that the model makes, with those in front that it was shown."""
        return self.video_frames + self.num_frames

    @property
    def begins(self) -> bool:
        """Whether the clip has frames in front that the model was shown."""
        return self.image is not None or self.video_frames > 0

    @property
    def frames_shown(self) -> int:
        """How many frames the model is shown, in front of the clip or as what is made anew."""
        anew = self.strength is not None or self.retake is not None
        return self.num_frames if anew else self.video_frames or int(self.image is not None)

    @property
    def retake_span(self) -> tuple[int, int] | None:
        """The first frame that is made anew and the one behind the last; None: all are new."""
        return None if self.retake is None else (self.retake_from, self.retake_to)

    @property
    def steps_taken(self) -> int:
        """Denoising steps that are really taken: of a video that is made anew a share."""
        strength = 1.0 if self.strength is None else self.strength
        return max(1, int(self.num_inference_steps * strength))

    @property
    def duration(self) -> float:
        """Seconds that the file plays."""
        unseen = max(0, self.extend_frames - self.video_frames)
        return max(unseen + self.clip_frames, self.retake_frames) / self.fps

    @property
    def uploads(self) -> dict[str, Path]:
        """The input files, by the names of their fields."""
        named = {
            "image": self.image,
            "last_image": self.last_image,
            "video": self.video,
            "extend": self.extend,
            "retake": self.retake,
        }
        return {field: path for field, path in named.items() if path is not None}

    @property
    def title(self) -> str:
        """The prompt."""
        return self.prompt

    def seen_by_model(self, files: Mapping[str, Path]) -> Self:
        """With the rewritten prompt in place of the one that was sent."""
        words = {"prompt": self.enhanced_prompt or self.prompt}
        return self.model_copy(update={**files, **words})
