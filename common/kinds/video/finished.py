"""Finished videos as what another one is made from."""

from dataclasses import dataclass
from typing import BinaryIO

from pydantic import ValidationError

from common.base.errors import EncodingFailed, InvalidRequest
from common.contract.work import Finished
from common.kinds.video.clips import Clip, Extended, Retaken, Whole
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.result import VideoResult
from common.media.video.chain import Take
from common.media.video.still import frame_as_png


def frame_of(used: Finished, frame: int, field: str) -> bytes:
    """One frame as a PNG; below 0 it counts from the end.

    Raises:
        InvalidRequest: the video has no such frame, or cannot be read.
    """
    made = made_of(used, field)
    index = frame if frame >= 0 else made.num_frames + frame
    if not 0 <= index < made.num_frames:
        raise InvalidRequest(
            f"{field}.frame is {frame}: the video has {made.num_frames} frames.",
            param=f"{field}.frame",
            hint=f"Ask for 0 to {made.num_frames - 1}, or -1 for the last.",
        )
    try:
        return frame_as_png(used.path, Take(made.fps, 1, made.width, made.height, index))
    except (OSError, EncodingFailed) as exc:
        raise InvalidRequest(
            f"{field}: the video of job {used.job_id} cannot be read any more.",
            param=field,
            hint="Make it again, or send a picture.",
        ) from exc
    except InvalidRequest as exc:
        hint = "Send the frame as a picture."
        raise InvalidRequest(f"{field}: {exc.body.message}", param=field, hint=hint) from exc


def clip_of(field: str, used: Finished, request: GenerateRequest, name: str) -> Clip:
    """What is known of a finished video, which is stored as ``name``. Raises InvalidRequest."""
    made = made_of(used, field)
    size, seconds = (made.width, made.height), made.duration_seconds
    if field == "extend":
        return Extended(name, *size, made.num_frames, seconds, made.fps)
    if field == "retake" and request.retake is not None:
        span = request.retake.begin, request.retake.end
        return Retaken(name, *size, made.num_frames, seconds, made.fps, *span)
    if request.strength == 0:
        return Whole(name, *size, made.num_frames, seconds, made.fps)
    return Clip(name, *size, made.num_frames, seconds)


def was_made_here(used: Finished) -> bool:
    """Whether a service of videos made it; of other kinds' films nothing is known but the file."""
    return "num_frames" in used.result


@dataclass(frozen=True)
class Sent:
    """A finished job's file, as one that a client sent."""

    file: BinaryIO
    size: int


def made_of(used: Finished, field: str) -> VideoResult:
    """What was made. Raises InvalidRequest: something else wrote that, or it is damaged."""
    if not was_made_here(used):
        raise InvalidRequest(
            f"{field}: job {used.job_id} is no video that a model has made.",
            param=field,
            hint="Take it as video: to make it anew with a strength, or larger.",
        )
    try:
        return VideoResult.model_validate({**used.result, "folder": ""})
    except ValidationError as exc:
        raise InvalidRequest(
            f"{field}: the record of job {used.job_id} cannot be read.",
            param=field,
            hint="Make it again.",
        ) from exc
