"""What a client asks of the trainer, and what it becomes."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, HttpUrl

from common.contract.fields import Options, Priority, SaidPrompt, Seed, worded
from common.contract.work import Resolved, WorkRequest

MAX_PRIOR_PROMPTS = 64
LORA_NAME = worded(
    r"^[a-z0-9][a-z0-9_-]{0,63}$", "must be small letters, digits, _ and -, at most 64"
)


def _lines(value: Any) -> Any:
    """A form has one text for all: a prompt a line."""
    if isinstance(value, str):
        return [line.strip() for line in value.splitlines() if line.strip()]
    return value


class TrainRequest(WorkRequest):
    """What is to be learnt, beside the archive ``clips``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=LORA_NAME)] = Field(
        description="Of the LoRA: by it, it is asked for later. Small letters, digits, - and _."
    )
    rank: int | None = Field(None, ge=1, description="Of its matrices: how much it can hold.")
    steps: int | None = Field(None, ge=1, description="One clip each.")
    learning_rate: float | None = Field(None, gt=0, le=0.1, description="AdamW's.")
    prior_prompts: Annotated[
        tuple[SaidPrompt, ...], BeforeValidator(_lines), Field(max_length=MAX_PRIOR_PROMPTS)
    ] = Field(
        (),
        description="Prompts whose videos should stay as they are: what the checkpoint makes of"
        " them is held while the LoRA learns. In a form, one a line.",
    )
    prior_loss_weight: float = Field(
        1.0, ge=0, le=100, description="How much that counts beside the clips."
    )
    validation_prompt: SaidPrompt | None = Field(
        None, description="Of the video made at the end. Left out: the first clip's caption."
    )
    num_inference_steps: int | None = Field(None, ge=1, le=200, description="Of that video.")
    guidance_scale: float | None = Field(None, ge=0, le=20, description="Of that video.")
    seed: Seed | None = Field(
        None, description="Same seed, same clips, same LoRA. Drawn and recorded when absent."
    )
    options: Options = Field(
        default_factory=dict, description="The model's own options, listed by `GET /info`."
    )
    webhook_url: HttpUrl | None = Field(
        None, description="Called when the job has ended, where the service allows it."
    )
    priority: Priority = Field("normal", description="Place in the queue.")
    dry_run: bool = Field(
        False, description="Answer what would be trained and what it would cost; train nothing."
    )


class ResolvedTraining(Resolved):
    """Exactly what is trained. ``clips`` is the archive's stored name, in the worker its path."""

    name: str
    rank: int
    steps: int
    learning_rate: float
    prior_prompts: tuple[str, ...] = ()
    prior_loss_weight: float = 1.0
    validation_prompt: str
    width: int
    height: int
    num_frames: int
    """Of the longest clip, as far as it is used; 1 where all are pictures."""
    num_clips: int
    fps: float
    flow_shift: float
    num_inference_steps: int
    guidance_scale: float
    seed: int
    clips: Path | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def uploads(self) -> dict[str, Path]:
        """The archive."""
        return {"clips": self.clips} if self.clips else {}

    @property
    def title(self) -> str:
        """The LoRA's name."""
        return self.name
