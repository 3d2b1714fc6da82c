"""What a video is made from, as ``videosdgx generate`` takes it: files, or finished jobs."""

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

from scripts.cli.client import Files
from scripts.cli.errors import WRONG, CliError

JOB = re.compile(r"[0-9a-f]{32}")
_FRAME = re.compile(rf"({JOB.pattern})(?::(-?\d+))?")
_NUMBER = re.compile(r"-?\d+")
_SPAN = re.compile(rf"({JOB.pattern}):(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)")


def sources(
    image: str | None, last_image: str | None, video: str | None, retake: str | None
) -> tuple[dict[str, Any], Files]:
    """The fields of a request that name jobs, and the files to upload.

    Raises:
        CliError: a file cannot be read, or a span is not written as it must be.
    """
    fields: dict[str, Any] = {}
    files: Files = {}
    for name, given in (("image", image), ("last_image", last_image)):
        if given is not None and (frame := _frame_of(given)):
            fields[name] = frame
        elif given is not None:
            files[name] = _read(name, Path(given))
    if video is not None and JOB.fullmatch(video):
        fields["video"] = {"job": video}
    elif video is not None:
        files["video"] = _read("video", Path(video))
    return fields | _retaken(retake), files


def keyframes_of(given: list[str] | None) -> dict[str, Any]:
    """The field ``keyframes``: files go in it, since a form has no place for several.

    Raises:
        CliError: a file cannot be read, or it is not said which frame it is.
    """
    return {"keyframes": [_keyframe(text) for text in given]} if given else {}


def references_of(given: list[str] | None) -> dict[str, Any]:
    """The field ``reference_images``, likewise. Raises CliError: a file cannot be read."""
    pictures = [_picture("reference-image", text) for text in given or ()]
    return {"reference_images": pictures} if pictures else {}


def _picture(name: str, given: str) -> dict[str, Any] | str:
    return _frame_of(given) or b64encode(_read(name, Path(given))[1]).decode()


def _keyframe(given: str) -> dict[str, Any]:
    picture, separator, frame = given.rpartition("@")
    if not (picture and separator and _NUMBER.fullmatch(frame)):
        raise CliError(
            f"{given!r} is no picture and frame.",
            status=WRONG,
            param="--keyframe",
            hint="As in --keyframe cat.png@48; -1 is the last frame.",
        )
    return {"image": _picture("keyframe", picture), "frame": int(frame)}


def _frame_of(given: str) -> dict[str, Any] | None:
    """A frame of a job; None where that is not what was given."""
    frame = _FRAME.fullmatch(given)
    if frame is None:
        return None
    return {"job": frame[1], **({"frame": int(frame[2])} if frame[2] else {})}


def _retaken(given: str | None) -> dict[str, Any]:
    if given is None:
        return {}
    span = _SPAN.fullmatch(given)
    if span is None:
        raise CliError(
            f"{given!r} is no job and span.",
            status=WRONG,
            param="--retake",
            hint="As in --retake ID:1.5:3, in seconds.",
        )
    return {"retake": {"job": span[1], "from": float(span[2]), "to": float(span[3])}}


def _read(name: str, path: Path) -> tuple[str, bytes]:
    try:
        return path.name, path.read_bytes()
    except OSError as exc:
        option = f"--{name.replace('_', '-')}"
        raise CliError(
            f"{path} cannot be read: {exc.strerror}.", status=WRONG, param=option
        ) from exc
