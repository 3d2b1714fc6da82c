"""What is asked of the one who listens."""

from pydantic import BaseModel, ConfigDict


class Wish(BaseModel):
    """Everything that a plan may say of its listening. Empty, it is right for most."""

    model_config = ConfigDict(frozen=True)

    file: str | None = None
    """The name of the input that is heard; None: the first one that has sound."""
    language: str | None = None
    """Whisper's code; None has it found out."""
    translates: bool = False
    """Whether what is written is English, whatever is spoken."""
    prompt: str | None = None
    """Words that come up, and the style to write in."""
    temperature: float = 0
    """Where sampling begins; it rises where a window goes wrong."""
    vad: bool = True
    """Whether only speech is heard, and not what lies between."""
