"""What a client asks for, and what it becomes: the request vocabulary of every service."""

from collections.abc import Mapping
from typing import ClassVar, Self

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
from common.kinds.video.afterwards import Afterwards
from common.kinds.video.examples import EXAMPLES
from common.kinds.video.loras import Loras
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
    inline: ClassVar[frozenset[str]] = frozenset(
        {"image", "last_image", "keyframes", "reference_images"}
    )

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
    two_stages: bool | None = Field(
        None,
        description="At half of the sides first, then refined at all of them, on services that "
        "list `two_stages`. Left out: where the preset says so, as `high` does.",
    )
    priority: Priority = Field(
        "normal",
        description="Place in the queue: a step is worth 50 places, so that nobody waits for ever.",
    )
    dry_run: bool = Field(
        False, description="Answer what would be made and what it would cost; make nothing."
    )
    no_cache: bool = Field(
        False, description="Make it, even where the same request with this `seed` was made before."
    )

    @property
    def may_repeat(self) -> bool:
        given = self.seed is not None or self.strength == 0
        return given and not self.no_cache

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
        if value is None and info.data.get("strength") == 0:
            return None
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
