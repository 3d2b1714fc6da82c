"""Asks a running service for scenes, and looks at the videos that come back."""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from imageio_ffmpeg import read_frames
from numpy.typing import NDArray

from scripts.shapes.look import Found, look
from scripts.shapes.scenes import Scene

POLL_SECONDS = 0.2
PLAIN: Mapping[str, Any] = {"resolution": "128x128", "num_frames": 17, "num_inference_steps": 20}
"""The size that the weights are best at."""


class NotMade(Exception):
    """A video did not come; the service's own words."""


@dataclass(frozen=True)
class Asked:
    """A scene, the words that it was asked for with, and what was found in the video."""

    scene: Scene
    prompt: str
    seed: int
    found: Found | None

    def right(self, *parts: str) -> bool:
        """Whether ``shape``, ``colour``, ``direction`` ... are as they were asked for."""
        return self.found is not None and all(
            getattr(self.found, part) is getattr(self.scene, part) for part in parts
        )


def ask(
    url: str, scenes: Sequence[tuple[Scene, str, int]], fields: Mapping[str, Any] = PLAIN
) -> Iterator[Asked]:
    """A video of each scene, prompt and seed, in order; ``fields`` are the same for all.

    Raises:
        NotMade: one was refused, or failed.
    """
    with httpx.Client(base_url=url, timeout=30) as client:
        bodies = [{**fields, "prompt": prompt, "seed": seed} for _, prompt, seed in scenes]
        jobs = [_answer(client.post("/generate", json=body)) for body in bodies]
        for (scene, prompt, seed), job in zip(scenes, jobs, strict=True):
            yield Asked(scene, prompt, seed, look(_video(client, job)))


def frames_of(path: Path) -> NDArray[np.uint8]:
    """A video file's frames, RGB [T, H, W, 3]."""
    frames = read_frames(str(path), pix_fmt="rgb24")
    width, height = next(frames)["size"]
    return np.stack([np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in frames])


def _video(client: httpx.Client, job: dict[str, Any]) -> NDArray[np.uint8]:
    while job["state"] not in ("completed", "failed", "cancelled"):
        time.sleep(POLL_SECONDS)
        job = _answer(client.get(job["links"]["self"]))
    if job["state"] != "completed":
        raise NotMade(f"{job['state']}: {job['error']}")
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(client.get(job["links"]["download"]).raise_for_status().content)
        file.flush()
        return frames_of(Path(file.name))


def _answer(response: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    if response.is_error:
        raise NotMade(body["error"]["message"])
    return body
