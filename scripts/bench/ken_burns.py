"""A picture that the camera moves towards: ours beside FFmpeg's zoompan filter.

``python -m scripts.bench.ken_burns [--rounds N]``: two seconds in 1920x1080 of one JPEG, made by
``studio`` and by the usual command, in turn, with one encoder at one quality, and once more with
the frames thrown away. Told are the seconds of the processors and on the clock, and how much the
film shakes, before an encoder adds its own.

Shake: the picture has upright edges between black and white. In each frame the place of an edge is
where a step of the same light would be: left + (white pixels to its right, counted by their
brightness). That is exact to a few thousandths of a pixel, whatever filter softened the edge. Both
films zoom by z = 1 + 0.324 * on / frames, so that an edge should move on a straight line, by the
same number of pixels a frame. The line is fitted to its places by least squares; what is left is
shake, in pixels of the film: the root of its mean square, and its largest amount, of the edge that
shakes most. A constant offset or another speed is no shake: the line takes them.
"""

import argparse
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray

from common.media.codecs import EncoderSettings
from scripts.bench.report import Report, median
from studio.operations.film.asked import Film, picture_name
from studio.operations.film.canvas import canvas_of, open_picture
from studio.operations.film.drawing import film_of
from studio.operations.film.operation import IMG2VID
from studio.operations.film.plan import FilmPlan
from studio.operations.film.planes import Planes
from studio.rendering.tools import Tools
from studio.sources import Facts, Form

WIDTH, HEIGHT, FRAMES = 1920, 1080, 48
ZOOMPAN = f"zoompan=z='1+0.324*on/{FRAMES}':d={FRAMES}:s={WIDTH}x{HEIGHT}:fps=24"
CENTRED = ":x='iw/2-(iw/zoom/2)':y='ih/2-(ih/zoom/2)'"
UPSCALED = 6720
WIDTHS = (WIDTH, UPSCALED, 3 * UPSCALED)
"""Of the picture that zoompan gets: its steps are pixels of that."""
NOWHERE = ("-f", "null", "-")
FACTS = Facts(form=Form.PICTURE, format="jpeg", width=WIDTH, height=HEIGHT)
EDGES = (300, 620, 1250, 1650)
"""Columns of the picture. The last two are seen to the end by no zoompan without x and y."""
STRIP = slice(420, 620)
"""Rows of the edges."""
REACH = 30
"""Pixels on either side that count."""

Frames = NDArray[np.uint8]


@dataclass(frozen=True)
class Shake:
    """In pixels."""

    rms: float
    most: float


def picture() -> Frames:
    """Clouds of all sizes, as in photographs, and a strip with edges. RGB."""
    random = np.random.default_rng(7)
    clouds = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for size in (4, 16, 64, 256, 1024):
        noise = random.normal(0, 1, (size * 9 // 16 + 1, size, 3)).astype(np.float32)
        larger = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        clouds += np.asarray(larger, np.float32) / size**0.5
    shown = np.clip(128 + 90 * clouds, 0, 255).astype(np.uint8)
    bright = np.zeros(WIDTH, np.uint8)
    for left, right in zip(EDGES[::2], EDGES[1::2], strict=True):
        bright[left:right] = 200
    shown[STRIP.start - 60 : STRIP.stop + 60] = 30 + bright[None, :, None] // 200 * 170
    return shown


def places(frames: Frames, expected: Callable[[int, int], float]) -> NDArray[np.float64]:
    """Where each edge is in each frame [edges, T]: see above. NaN once it is out of sight."""
    found = np.full((len(EDGES), len(frames)), np.nan)
    for on, frame in enumerate(frames):
        row = frame[STRIP].mean(axis=0)
        for index, edge in enumerate(EDGES):
            middle = round(expected(edge, on))
            left, right = middle - REACH, middle + REACH
            if left >= 0 and right <= WIDTH:
                found[index, on] = _place(row[left:right], left)
    return found


def _place(row: NDArray[np.float64], left: int) -> float:
    """Of a step from one level to another, in pixels; levels are those at the row's ends."""
    begin, end = row[:8].mean(), row[-8:].mean()
    return float(left + np.sum((end - row) / (end - begin)))


def shake_of(found: NDArray[np.float64]) -> Shake:
    """Of the edge that shakes most, of those that are always seen."""
    whole = found[~np.isnan(found).any(axis=1)]
    time_ = np.arange(found.shape[1])
    lines = [np.polynomial.Polynomial.fit(time_, each, 1)(time_) for each in whole]
    rest = whole - np.array(lines)
    return Shake(float(np.sqrt((rest**2).mean(axis=1)).max()), float(np.abs(rest).max()))


def from_middle(edge: int, on: int) -> float:
    """Where an edge belongs when the camera moves around the middle."""
    return WIDTH / 2 + (edge - WIDTH / 2) * (1 + 0.324 * on / FRAMES)


def from_corner(edge: int, on: int) -> float:
    """And where a zoompan without x and y has it."""
    return edge * (1 + 0.324 * on / FRAMES)


def ours(source: Path, folder: Path) -> Path:
    """As the service makes it: read in a child, drawn, encoded; at x264's usual quality."""
    name = picture_name(0)
    tools = Tools(
        job_id="bench",
        folder=folder,
        files={name: source},
        found={name: FACTS},
        encoder=EncoderSettings(crf=23),
        look=lambda: None,
        progress=lambda *_: None,
    )
    return folder / IMG2VID.make(plan_of(name), None, tools).file


def drawn(source: Path) -> None:
    """The same, but its frames are thrown away."""
    for _ in _film(source):
        pass


def _film(source: Path) -> Iterator[Frames]:
    plan, shown = plan_of(picture_name(0)), open_picture(source, WIDTH * HEIGHT)
    canvas = partial(canvas_of, shown, (WIDTH, HEIGHT), plan.zoom, pads=False)
    return film_of(plan, lambda _: Planes.of(canvas()))


def plan_of(name: str) -> FilmPlan:
    """Two seconds of one picture."""
    plan = IMG2VID.resolve(Film(seconds=FRAMES / 24), {name: FACTS}).plan
    assert isinstance(plan, FilmPlan)  # noqa: S101  # the operation's own
    return plan


def zoompan(source: Path, output: Sequence[str], wide: int, more: str = "") -> None:
    """FFmpeg's own, from a picture that was made ``wide`` pixels wide."""
    filters = f"scale={wide}:-1,{ZOOMPAN}{more}"
    command = [get_ffmpeg_exe(), "-v", "error", "-y", "-loop", "1", "-i", str(source)]
    subprocess.run([*command, "-vf", filters, "-t", "2", *output], check=True)


def frames_of_ours(source: Path) -> Frames:
    """As they are drawn, before an encoder: their Y, [T, height, width]."""
    return np.concatenate([frame[:, :HEIGHT] for frame in _film(source)])


def frames_of_zoompan(source: Path, folder: Path, wide: int, more: str = "") -> Frames:
    """Likewise. In grey it would step by pixels, not by the two that a pixel of colour has."""
    path = folder / "frames.yuv"
    zoompan(source, ["-f", "rawvideo", "-pix_fmt", "yuv420p", str(path)], wide, more)
    return np.fromfile(path, np.uint8).reshape(-1, HEIGHT * 3 // 2, WIDTH)[:, :HEIGHT]


def timed(make: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock, and of all processors."""
    clock, used = time.perf_counter(), _processor_seconds()
    make()
    return time.perf_counter() - clock, _processor_seconds() - used


def _processor_seconds() -> float:
    return sum(os.times()[:4])


def measure(report: Report, folder: Path, rounds: int) -> None:
    """Take turns, and compare the medians; then look at the frames."""
    source = folder / "picture.jpg"
    cv2.imwrite(str(source), picture()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    ways: dict[str, Callable[[], object]] = {"drawn: studio": partial(drawn, source)}
    for wide in WIDTHS:
        ways[f"drawn: zoompan, {wide}"] = partial(zoompan, source, NOWHERE, wide)
    ways["film: studio"] = partial(ours, source, folder)
    for wide in WIDTHS:
        output = [str(folder / "zoompan.mp4")]
        ways[f"film: zoompan, {wide}"] = partial(zoompan, source, output, wide)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, make in ways.items():
            taken[name].append(timed(make))
    for name, each in taken.items():
        clock, used = (median(column) for column in zip(*each, strict=True))
        report.add("seconds", name, used, "s of processors", note=f"{clock:.2f} s on the clock")
    _tell_shake(report, "studio", frames_of_ours(source), from_middle)
    for wide in WIDTHS:
        frames = frames_of_zoompan(source, folder, wide)
        _tell_shake(report, f"zoompan, {wide}", frames, from_corner)
    centred = frames_of_zoompan(source, folder, UPSCALED, CENTRED)
    _tell_shake(report, f"zoompan, {UPSCALED}, centred", centred, from_middle)


def _tell_shake(
    report: Report, name: str, frames: Frames, ideal: Callable[[int, int], float]
) -> None:
    shake = shake_of(places(frames, ideal))
    report.add("shake", name, shake.rms, "px", note=f"{shake.most:.4f} at most")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    report = Report("ken_burns")
    with TemporaryDirectory() as folder:
        measure(report, Path(folder), parser.parse_args().rounds)
    report.finish(None)


if __name__ == "__main__":
    main()
