"""Pictures that a video shows at some of its frames: where they go. Pure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from common.base.errors import Unresolvable
from common.kinds.video.frame_size import KeyPicture, LastPicture, Picture, ReferencePicture


class ResolvedKeyframe(BaseModel):
    """A picture, and where it belongs."""

    model_config = ConfigDict(frozen=True)

    path: Path
    """In the job's record the file's name, in the worker its full path."""
    frame: int
    """Of what is made, from 0."""
    strength: float


def resolved_pictures(
    first: Picture | None,
    last: LastPicture | None,
    keys: Sequence[KeyPicture],
    references: Sequence[ReferencePicture],
    num_frames: int,
) -> dict[str, Any]:
    """The fields of a ``ResolvedRequest`` that say what it shows behind the beginning.

    Args:
        first: a picture that is frame 0, or another beginning.
        last: the picture of the last frame.
        keys: with their frames as they were asked for.
        references: pictures of what it shows, as none of its frames.
        num_frames: that are made.

    Raises:
        Unresolvable: there is no such frame, or it has a picture already.
    """
    taken = {0: "image"} if type(first) is Picture else {}
    taken |= {num_frames - 1: "last_image"} if last else {}
    found = []
    for picture in keys:
        frame = _frame(picture, num_frames)
        if frame in taken:
            raise Unresolvable(
                f"{picture.param}.frame is {picture.frame}: {taken[frame]} is that frame already.",
                param=f"{picture.param}.frame",
                hint="Leave one of them out, or take another frame.",
            )
        taken[frame] = picture.param
        found.append(
            ResolvedKeyframe(path=Path(picture.name), frame=frame, strength=picture.strength)
        )
    return {
        "last_image": Path(last.name) if last else None,
        "keyframes": tuple(found),
        "reference_images": tuple(Path(each.name) for each in references),
    }


def _frame(picture: KeyPicture, num_frames: int) -> int:
    frame = picture.frame if picture.frame >= 0 else num_frames + picture.frame
    if not 0 <= frame < num_frames:
        raise Unresolvable(
            f"{picture.param}.frame is {picture.frame}: {num_frames} frames are made.",
            param=f"{picture.param}.frame",
            hint=f"Ask for 0 to {num_frames - 1}, or -1 for the last.",
        )
    return frame
