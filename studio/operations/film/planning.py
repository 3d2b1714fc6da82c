"""From pictures and seconds to frames: exactly what is made. Pure."""

from collections.abc import Sequence
from itertools import count, pairwise
from typing import NoReturn

from common.base.errors import InvalidRequest, Unresolvable
from common.contract.work import Adjustment
from common.media.codecs import frame_rate
from studio.operations.film.asked import IMAGES, Film, Shot, picture_name
from studio.operations.film.motion import closest
from studio.operations.film.plan import FilmPlan, ShotPlan
from studio.operations.film.shapes import contained, covering
from studio.operations.picture import EVEN_REASON, even
from studio.sources import Found, check_sound
from studio.tasks import Planned
from studio.variants import LIMITS

MIN_SIDE, MAX_SIDE, MAX_PIXELS = 64, 4096, 3840 * 2160
"""Of the film. Encoders take no others, and OpenCV no canvas with sides from 32768 on."""
USUAL_FADE = 2.0


def resolve(task: Film, found: Found) -> Planned:
    """Raises InvalidRequest, Unresolvable."""
    shots = shots_of(task, found)
    _check_sound(task, found)
    width, height, adjustments = _size(task.resolution)
    rate = frame_rate(task.fps)
    seconds = [shot.seconds or task.seconds for shot in shots]
    frames = _frames(seconds, float(rate))
    total = sum(frames) / float(rate)
    if total > LIMITS.max_seconds:
        raise Unresolvable(
            f"The film would be {total:g} seconds long; {LIMITS.max_seconds:g} are allowed.",
            param=IMAGES,
            hint="Make it in parts.",
        )
    plan = FilmPlan(
        seconds=total,
        width=width,
        height=height,
        fps=float(rate),
        clips=task.output == "clips",
        shots=tuple(
            _planned(task, (width, height), shot, each, picture_name(index), found)
            for index, (shot, each) in enumerate(zip(shots, frames, strict=True))
        ),
        crossfade=_crossfade(task, frames, float(rate)),
        zoom=task.zoom,
        pads=task.fit == "pad",
        loops="audio" in found and found["audio"].seconds < total,
        fade_out=_fade(task, found, total),
        pixels_read=max(facts.width * facts.height for facts in found.values() if facts.width),
    )
    return Planned(plan, tuple(adjustments))


def shots_of(task: Film, found: Found) -> Sequence[Shot]:
    """As they were asked for; one for each picture of a ZIP. Raises InvalidRequest."""
    for index, shot in enumerate(task.images):
        if shot.image is None and picture_name(index) not in found:
            raise InvalidRequest(
                f"{picture_name(index)} is missing.",
                param=picture_name(index),
                hint="Say it in base64, by a finished job, or by an address.",
            )
    if task.images:
        return task.images
    number = next(index for index in count() if picture_name(index) not in found)
    if not number:
        raise InvalidRequest(
            "images is missing: a film needs a picture.",
            param=IMAGES,
            hint="Send a list in JSON, or a ZIP of pictures as the multipart field images.",
        )
    return [Shot()] * number


def _frames(seconds: Sequence[float], rate: float) -> list[int]:
    """Each begins at the frame nearest to its time: roundings do not add up."""
    ends = [0]
    at = 0.0
    for index, each in enumerate(seconds):
        at += each
        ends.append(round(at * rate))
        if ends[-1] == ends[-2]:
            raise Unresolvable(
                f"{IMAGES}.{index}.seconds is {each:g}: less than a frame at {rate:g} a second.",
                param=f"{IMAGES}.{index}.seconds",
                hint=f"Ask for {1 / rate:.3f} at least.",
            )
    return [end - begin for begin, end in pairwise(ends)]


def _crossfade(task: Film, frames: Sequence[int], rate: float) -> int:
    if task.output == "clips":
        return 0
    fade, shortest = round(task.crossfade * rate), min(frames)
    if fade > shortest:
        raise Unresolvable(
            f"crossfade is {task.crossfade:g} seconds; a picture is shown for"
            f" {shortest / rate:.3g} only.",
            param="crossfade",
            hint=f"Ask for {shortest / rate:.3g} at most, or show {_told(frames)} longer.",
        )
    return fade


def _told(frames: Sequence[int]) -> str:
    return f"{IMAGES}.{frames.index(min(frames))}"


def _check_sound(task: Film, found: Found) -> None:
    def refuse(field: str, what: str) -> NoReturn:
        raise Unresolvable(
            f"{field}: {what}.", param=field, hint="Leave it out, or ask for one film."
        )

    if task.output == "clips":
        if task.crossfade:
            refuse("crossfade", "clips stand alone, and nothing comes before them")
        if "audio" in found or task.audio is not None:
            refuse("audio", "clips have no music")
    check_sound(found, "audio", "Send a file that is heard, or leave it out.")


def _fade(task: Film, found: Found, total: float) -> float:
    if "audio" not in found:
        return 0
    if task.fade_out is None:
        return min(USUAL_FADE, total / 2)
    if task.fade_out > total:
        raise Unresolvable(
            f"fade_out is {task.fade_out:g} seconds; the film has {total:g}.",
            param="fade_out",
            hint="Make it shorter.",
        )
    return task.fade_out


def _size(asked: str) -> tuple[int, int, list[Adjustment]]:
    sides = [int(side) for side in asked.split("x")]
    fits = min(sides) >= MIN_SIDE and max(sides) <= MAX_SIDE
    if not fits or sides[0] * sides[1] > MAX_PIXELS:
        raise Unresolvable(
            f"resolution {asked} is out of range: sides of {MIN_SIDE} to {MAX_SIDE}, and"
            f" {MAX_PIXELS:,} pixels at most.",
            param="resolution",
            hint="Ask for 1920x1080, or 3840x2160.",
        )
    width, height = even(sides[0], sides[1])
    made = f"{width}x{height}"
    changes = [Adjustment(field="resolution", requested=asked, resolved=made, reason=EVEN_REASON)]
    return width, height, [] if made == asked else changes


def _planned(
    task: Film, frame: tuple[int, int], shot: Shot, frames: int, name: str, found: Found
) -> ShotPlan:
    motion, picture = shot.motion or task.motion, found[name]
    size, zoom = (picture.width, picture.height), closest(motion, task.zoom)
    if task.fit == "pad":
        enlarged = contained(size, frame).width / size[0] * zoom
        return ShotPlan(image=name, frames=frames, motion=motion, enlarged=_rounded(enlarged))
    box = covering(size, frame)
    return ShotPlan(
        image=name,
        frames=frames,
        motion=motion,
        cut_width=_rounded(1 - box.width / size[0]),
        cut_height=_rounded(1 - box.height / size[1]),
        enlarged=_rounded(frame[0] / box.width * zoom),
    )


def _rounded(value: float) -> float:
    return round(value, 4)
