"""Asks a running service for scenes, and looks at the videos that come back."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from scripts.cli.client import Client
from scripts.cli.watching import follow
from scripts.shapes.look import Found, look
from scripts.shapes.scenes import Scene

PLAIN: Mapping[str, Any] = {
    "resolution": "128x128",
    "num_frames": 17,
    "num_inference_steps": 20,
    "guidance_scale": 1.25,
}
"""What the weights are best at: with more guidance some that stand still begin to drift."""


class NotMade(Exception):
    """A video did not come."""


@dataclass(frozen=True)
class Wish:
    """A scene, and the words that it is asked for with."""

    scene: Scene
    prompt: str
    seed: int
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Others of the request."""
    picture: bytes | None = None
    """A PNG to begin with."""


@dataclass(frozen=True)
class Asked:
    """A wish, the video that came, and what was found in it."""

    wish: Wish
    frames: NDArray[np.uint8]
    found: Found | None

    def right(self, *parts: str) -> bool:
        """Whether ``shape``, ``colour``, ``direction`` ... are as they were asked for."""
        return self.found is not None and self.found.shows(self.wish.scene, *parts)


def ask(url: str, wishes: Sequence[Wish], **fields: Any) -> Iterator[Asked]:
    """A video of each, in order; ``fields`` are the same for all, beside the plain ones.

    Raises:
        CliError: one was refused.
        NotMade: one failed, or was cancelled.
    """
    with Client(url) as client:
        ids = [_submit(client, wish, {**PLAIN, **fields, **wish.fields}) for wish in wishes]
        for wish, job_id in zip(wishes, ids, strict=True):
            frames = _video(client, job_id)
            yield Asked(wish, frames, look(frames))


def share(asked: Sequence[Asked], *parts: str) -> float:
    """How many are right, from 0 to 1."""
    return sum(each.right(*parts) for each in asked) / len(asked)


def _submit(client: Client, wish: Wish, fields: Mapping[str, Any]) -> str:
    body = {**fields, "prompt": wish.prompt, "seed": wish.seed}
    files = {"image": ("picture.png", wish.picture)} if wish.picture else {}
    return str(client.generate(body, files, None)["id"])


def frames_of(path: Path) -> NDArray[np.uint8]:
    """A video file's frames, RGB [T, H, W, 3]."""
    with av.open(str(path)) as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])


def _video(client: Client, job_id: str) -> NDArray[np.uint8]:
    job = follow(client, job_id, lambda _job: None)
    if job["state"] != "completed":
        raise NotMade(f"{job['state']}: {job['error']}")
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file, client.video(job_id) as answer:
        for piece in answer.iter_bytes():
            file.write(piece)
        file.flush()
        return frames_of(Path(file.name))
