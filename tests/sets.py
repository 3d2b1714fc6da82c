"""Archives of clips with captions, as those send them who train a LoRA."""

import zipfile
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.shapes.captions import english
from scripts.shapes.scenes import Colour, Direction, Scene, Shape, Speed, draw, path_of
from tests.films import of_frames


def zipped(files: Iterable[tuple[str, bytes]]) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
    return file.getvalue()


def with_captions(scenes: Sequence[Scene], folder: Path, num_frames: int = 9) -> bytes:
    """Clips of 128x128 at 24 frames a second, or pictures where there is one frame."""
    chance, files = np.random.default_rng(3), []
    for index, scene in enumerate(scenes):
        size = (num_frames, 128, 128)
        frames = draw(scene, path_of(scene, size, chance), size)
        if num_frames == 1:
            picture = BytesIO()
            Image.fromarray(frames[0]).save(picture, "PNG")
            clip = (f"{index:02}.png", picture.getvalue())
        else:
            clip = (f"{index:02}.mp4", of_frames(folder / f"{index:02}.mp4", frames).read_bytes())
        files += [clip, (f"{index:02}.txt", english(scene).encode())]
    return zipped(files)


def of_colour(colour: Colour, number: int) -> list[Scene]:
    """As many scenes: all shapes, ways and speeds in turn."""
    shapes, ways, speeds = list(Shape), list(Direction), list(Speed)
    return [
        Scene(shapes[i % len(shapes)], colour, ways[i % len(ways)], speeds[i % len(speeds)])
        for i in range(number)
    ]
