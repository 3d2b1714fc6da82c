"""What is known of the video that another one is made from, and what follows from it. Pure."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from common.base.errors import Unresolvable
from common.contract.work import Adjustment
from common.kinds.video.frame_size import Picture
from common.kinds.video.variants import Limits


@dataclass(frozen=True)
class Clip(Picture):
    """What is known of a video before the job.

    ``num_frames`` are those that the model is given; ``seconds`` is all of it.
    """

    field: ClassVar[str] = "video"
    num_frames: int
    seconds: float

    def legal(self, limits: Limits, fps: float) -> Limits:
        """The limits of what is new: with these frames in front, all is a legal length again.

        The ends of the range move by less than a step: every length in it has a neighbour.
        """
        del fps
        return _behind(self.num_frames, limits)

    def resolved(self, limits: Limits, fps: float, num_frames: int) -> dict[str, Any]:
        """What a ``ResolvedRequest`` says of it, where so many frames are made."""
        del limits, fps, num_frames
        return {"video": Path(self.name), "video_frames": self.num_frames}

    def changes(self, fps: float) -> list[Adjustment]:
        """What is not taken of it."""
        taken = self.num_frames / fps
        if self.seconds - taken < 1 / fps:
            return []
        made = f"{self.num_frames} frames, {taken:.2f} s"
        reason = f"its first frames are continued, at {fps:g} frames a second"
        return [changed(self, f"{self.seconds:.2f} s", made, reason)]


@dataclass(frozen=True)
class Control(Clip):
    """A video that another one follows frame by frame; of ``num_frames`` at the model's rate."""

    keeps_size: ClassVar[bool] = True

    def legal(self, limits: Limits, fps: float) -> Limits:
        del fps
        return replace(limits, max_frames=_most(self, self.num_frames, limits))

    def resolved(self, limits: Limits, fps: float, num_frames: int) -> dict[str, Any]:
        del limits, fps, num_frames
        return {"video": Path(self.name)}

    def changes(self, fps: float) -> list[Adjustment]:
        del fps  # a shorter length was asked for, or is the longest
        return []


@dataclass(frozen=True)
class Remade(Control):
    """A video that is made anew under another prompt; likewise."""

    strength: float

    def resolved(self, limits: Limits, fps: float, num_frames: int) -> dict[str, Any]:
        return {**super().resolved(limits, fps, num_frames), "strength": self.strength}


@dataclass(frozen=True)
class Whole(Clip):
    """A video that stays as it is, to be refined; of ``num_frames`` at its own rate, ``fps``."""

    fps: float


@dataclass(frozen=True)
class Extended(Clip):
    """A finished video that goes on; of ``num_frames`` at its own rate."""

    field: ClassVar[str] = "extend"
    keeps_size: ClassVar[bool] = True
    fps: float

    def legal(self, limits: Limits, fps: float) -> Limits:
        seen = _seen(limits, self._frames(fps))
        least = limits.video_input.min_frames if limits.video_input else 1
        if seen < least:
            raise Unresolvable(
                f"The video has {self._frames(fps)} frames at {fps:g} a second; this model goes "
                f"on from {least} at least.",
                param="extend",
                hint="Extend a longer one, or begin with a frame of it as image.",
            )
        return _behind(seen, _less(limits, seen, fps))

    def resolved(self, limits: Limits, fps: float, num_frames: int) -> dict[str, Any]:
        del num_frames
        frames = self._frames(fps)
        seen = _seen(limits, frames)
        return {"extend": Path(self.name), "extend_frames": frames, "video_frames": seen}

    def changes(self, fps: float) -> list[Adjustment]:
        if self.fps == fps:
            return []
        reason = "the video goes on at the rate of what is new"
        return [changed(self, f"{self.fps:g} fps", f"{fps:g} fps", reason)]

    def _frames(self, fps: float) -> int:
        return self.num_frames if self.fps == fps else max(1, round(self.seconds * fps))


@dataclass(frozen=True)
class Retaken(Extended):
    """A finished video, of which a span is made anew; ``begin`` and ``end`` are in seconds."""

    field: ClassVar[str] = "retake"
    begin: float
    end: float

    def legal(self, limits: Limits, fps: float) -> Limits:
        most = math.inf if limits.max_seconds is None else limits.max_seconds * fps
        frames = _most(self, min(self._frames(fps), int(min(most, limits.max_frames))), limits)
        return replace(limits, min_frames=frames, max_frames=frames, max_seconds=None)

    def resolved(self, limits: Limits, fps: float, num_frames: int) -> dict[str, Any]:
        frames = self._frames(fps)
        if self.end > num_frames / fps + 0.5 / fps:
            raise Unresolvable(
                f"retake.to is {self.end:g}: the video has {frames / fps:.2f} seconds, and this "
                f"model looks at {num_frames / fps:.2f} of them.",
                param="retake.to",
                hint=f"Ask for {num_frames / fps:.2f} at most.",
            )
        span = math.floor(self.begin * fps), min(math.ceil(self.end * fps), num_frames)
        return {
            "retake": Path(self.name),
            "retake_frames": frames,
            "retake_from": min(span[0], span[1] - 1),
            "retake_to": span[1],
        }


def _behind(frames: int, limits: Limits) -> Limits:
    step = limits.frames_step
    offset = (limits.frames_offset - frames) % step
    low = -(-(limits.min_frames - step // 2 - offset) // step) * step + offset
    high = (limits.max_frames - offset) // step * step + offset
    return replace(limits, frames_offset=offset, min_frames=max(low, 1), max_frames=high)


def _seen(limits: Limits, frames: int) -> int:
    """How many of a video's last frames the model is shown: as many as make whole latents."""
    within = min(frames, limits.tail_frames)
    if limits.video_input:
        return within // limits.video_input.frames_step * limits.video_input.frames_step
    latents = (within - limits.frames_offset) // limits.frames_step
    return latents * limits.frames_step + limits.frames_offset


def _less(limits: Limits, seen: int, fps: float) -> Limits:
    """The same less what the model is shown, where that and what is new are one of its clips."""
    more = 0 if limits.video_input else seen - 1
    seconds = limits.max_seconds and limits.max_seconds - more / fps
    return replace(limits, max_frames=limits.max_frames - more, max_seconds=seconds)


def _most(clip: Clip, frames: int, limits: Limits) -> int:
    """The longest legal length within so many frames."""
    within = min(frames, limits.max_frames) - limits.frames_offset
    most = within // limits.frames_step * limits.frames_step + limits.frames_offset
    if most < limits.min_frames:
        raise Unresolvable(
            f"The video is too short: {frames} of at least {limits.min_frames} frames.",
            param=clip.field,
            hint="Take a longer one.",
        )
    return most


def changed(beginning: Picture, asked: str, made: str, reason: str) -> Adjustment:
    """What became of what was asked."""
    return Adjustment(field=beginning.param, requested=asked, resolved=made, reason=reason)
