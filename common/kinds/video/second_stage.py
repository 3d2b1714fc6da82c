"""What a job says of its second stage."""

from pydantic import BaseModel, ConfigDict


class SecondStage(BaseModel):
    """At all of the sides, behind a stage at half of them that ``num_inference_steps`` is of."""

    model_config = ConfigDict(frozen=True)

    num_inference_steps: int
    size_bytes: int
    """Of the files that it takes besides the checkpoint's."""
    revision: str
    """The commit that they are of."""
