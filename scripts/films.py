"""The demo's videos: fetched, played through, and looked at."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from scripts.playback import Played, difference, play
from scripts.progress import seconds_of
from scripts.shapes.asking import frames_of
from scripts.shapes.look import look
from scripts.shapes.scenes import Scene
from scripts.shapes.sheet import contact_sheet

RANDOM = "its weights are random, and so is what it shows: coloured noise"


class DemoFailed(Exception):
    """Something is not as it must be."""


@dataclass(frozen=True)
class Film:
    """A finished video that was found to be what it should."""

    model: str
    path: Path
    played: Played
    seconds: float
    shown: str
    """In words."""


def fetch(
    client: httpx.Client, url: str, job: dict[str, Any], folder: Path, scene: Scene | None
) -> Film:
    """Download a finished job's video, play it through, look for the scene, lay out its frames.

    Raises:
        DemoFailed: the file is not what the job says.
    """
    model = str(job["model"])
    path = download(client, f"{url}{job['links']['download']}", folder)
    played = play(path)
    if wrong := difference(played, job["resolved"]):
        raise DemoFailed(f"{model}: {wrong} ({path})")
    frames = frames_of(path)
    contact_sheet(frames, path.with_suffix(".png"))
    shown = _seen(frames, scene) if scene else RANDOM
    return Film(model, path, played, seconds_of(job), shown)


def _seen(frames: NDArray[np.uint8], scene: Scene) -> str:
    found = look(frames)
    asked = f"asked for a {scene.colour} {scene.shape}, moving {scene.direction}"
    right = found and found.shows(scene, "shape", "colour", "direction")
    return f"{asked}: found {found or 'nothing'}{'' if right else ', which is something else'}"


def download(client: httpx.Client, url: str, folder: Path) -> Path:
    """Keep a file under the name that the service gives it.

    Raises:
        DemoFailed: it gives it none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    response = client.get(url).raise_for_status()
    named = re.search(r'filename="([^"/]+)"', response.headers["content-disposition"])
    if named is None:
        raise DemoFailed(f"{url}: the download has no file name.")
    path = folder / named[1]
    path.write_bytes(response.content)
    return path


def table(films: Sequence[Film]) -> str:
    """What each is, in columns."""
    rows = [("model", "size", "frames", "fps", "audio", "seconds", "file"), *map(_row, films)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def _row(film: Film) -> tuple[str, ...]:
    played, megabytes = film.played, film.path.stat().st_size / 1e6
    heard = "-" if played.audio_seconds is None else f"{played.audio_seconds:.2f} s"
    size = f"{played.width}x{played.height} {megabytes:.1f} MB"
    shown = film.path.relative_to(Path.cwd()) if film.path.is_relative_to(Path.cwd()) else film.path
    numbers = (str(played.num_frames), f"{played.fps:g}", heard, f"{film.seconds:.1f}")
    return (film.model, size, *numbers, str(shown))
