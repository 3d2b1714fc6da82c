"""What a client asks of a service of texts, and what it becomes."""

from typing import Any

from pydantic import ConfigDict, Field, HttpUrl, field_validator

from common.contract.fields import Options, Priority, SaidPrompt, Seed
from common.contract.work import Resolved, WorkRequest


class TextRequest(WorkRequest):
    """The body of ``POST /generate``. Everything but ``prompt`` may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: SaidPrompt = Field(description="What the text is about.")
    words: int | None = Field(None, ge=1, description="How many are written.")
    seed: Seed | None = Field(
        None, description="Same seed, same words, same text. Drawn and recorded when absent."
    )
    options: Options = Field(
        default_factory=dict, description="The model's own options, listed by `GET /info`."
    )
    webhook_url: HttpUrl | None = Field(
        None, description="Called when the job has ended, where the service allows it."
    )
    priority: Priority = Field("normal", description="Place in the queue.")
    dry_run: bool = Field(
        False, description="Answer what would be made and what it would cost; make nothing."
    )

    @field_validator("prompt")
    @classmethod
    def _printable(cls, value: str) -> str:
        if "\x00" in value or not value.strip():
            raise ValueError("must say something, without NUL characters")
        return value


class ResolvedText(Resolved):
    """Exactly what the model writes."""

    prompt: str
    words: int
    seed: int
    options: dict[str, Any] = Field(default_factory=dict)
    """Already validated by the model's options class."""

    @property
    def title(self) -> str:
        """The prompt."""
        return self.prompt
