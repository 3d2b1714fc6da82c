"""MAGI-1's own options: ``options`` of a request."""

from typing import Annotated, Literal

from pydantic import Field

from common.contract.fields import MAX_PROMPT_CHARS
from common.kinds.video import VideoOptions

MAX_CHUNKS = 600
"""Ten minutes of chunks."""

ChunkPrompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARS)]


class Magi1Options(VideoOptions):
    """What only MAGI-1 has. Most of it are the special tokens that it was trained with."""

    chunk_prompts: list[ChunkPrompt] = Field(
        default_factory=list,
        max_length=MAX_CHUNKS,
        description="What each second of the video (24 frames) shows, in order: a story told"
        " second by second. Where a video is continued, of what is new. The last one holds to"
        " the end; an empty one stands for `prompt`.",
    )
    first_frames: Literal["static", "dynamic"] | None = Field(
        None, description="Whether the video begins calmly or in motion."
    )
    style: Literal["3d", "anime"] | None = Field(
        None, description="The look of a rendered 3D model, or of a drawn animation."
    )
    high_quality: bool = Field(
        True,
        description="Ask for the look of the best training videos, as official scripts do.",
    )
    count_down: bool = Field(
        True,
        description="Tell each chunk how many are still to come, so that the video finds its end,"
        " as the official scripts do. Off, it can go on like before.",
    )
    avoid_overlays: bool = Field(
        False,
        description="Guide away from captions, logos, cuts and borders. Only base checkpoints are"
        " guided; others see it in the chunks that they have finished.",
    )
