"""Asks a running service for scenes, and looks at the videos that come back."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from imageio_ffmpeg import read_frames
from numpy.typing import NDArray

from scripts.cli.client import Client
from scripts.cli.watching import follow
from scripts.shapes.look import Found, look
from scripts.shapes.scenes import Scene

PLAIN: Mapping[str, Any] = {"resolution": "128x128", "num_frames": 17, "num_inference_steps": 20}
"""The size that the weights are best at."""


class NotMade(Exception):
    """A video did not come."""


@dataclass(frozen=True)
class Asked:
    """A scene, the words that it was asked for with, and what was found in the video."""

    scene: Scene
    prompt: str
    seed: int
    found: Found | None

    def right(self, *parts: str) -> bool:
        """Whether ``shape``, ``colour``, ``direction`` ... are as they were asked for."""
        return self.found is not None and self.found.shows(self.scene, *parts)


def ask(
    url: str, scenes: Sequence[tuple[Scene, str, int]], fields: Mapping[str, Any] = PLAIN
) -> Iterator[Asked]:
    """A video of each scene, prompt and seed, in order; ``fields`` are the same for all.

    Raises:
        CliError: one was refused.
        NotMade: one failed, or was cancelled.
    """
    client = Client(url)
    bodies = [{**fields, "prompt": prompt, "seed": seed} for _, prompt, seed in scenes]
    ids = [str(client.generate(body, {}, None)["id"]) for body in bodies]
    for (scene, prompt, seed), job_id in zip(scenes, ids, strict=True):
        yield Asked(scene, prompt, seed, look(_video(client, job_id)))


def frames_of(path: Path) -> NDArray[np.uint8]:
    """A video file's frames, RGB [T, H, W, 3]."""
    frames = read_frames(str(path), pix_fmt="rgb24")
    width, height = next(frames)["size"]
    return np.stack([np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in frames])


def _video(client: Client, job_id: str) -> NDArray[np.uint8]:
    job = follow(client, job_id, lambda _job: None)
    if job["state"] != "completed":
        raise NotMade(f"{job['state']}: {job['error']}")
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file, client.video(job_id) as answer:
        for piece in answer.iter_bytes():
            file.write(piece)
        file.flush()
        return frames_of(Path(file.name))
