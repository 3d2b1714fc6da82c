"""The demo's film: scenes of the trained model, joined, spoken over and captioned."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from scripts.films import DemoFailed, download
from scripts.narration import SCENES, SLOT_SECONDS, SPOKEN, captions
from scripts.playback import play
from scripts.progress import ended
from scripts.shapes.asking import PLAIN
from scripts.shapes.captions import english
from scripts.shapes.scenes import Scene

SIDE = 512
FPS = 24
STYLE = {"size": 7, "place": "bottom"}
TOLERANCE_SECONDS = 0.1
_POLL_SECONDS = 0.05


def make_film(client: httpx.Client, model: str, room: str, folder: Path) -> str:
    """Make one film of the narration's scenes; answers what it is, in words.

    Args:
        client: of any service.
        model: the address of one that makes the scenes.
        room: of the cutting room; both have one outputs folder.
        folder: where the film is put.

    Raises:
        DemoFailed: a step could not be made, or the file is not what it should be.
    """
    clips = [_clip(client, model, scene) for scene in SCENES.values()]
    joined = _made(client, f"{room}/video/edit", json=_timeline(clips))
    sound = {"audio": ("spoken.mp3", SPOKEN.read_bytes())}
    spoken = _made(client, f"{room}/video/addaudio", data=_of(joined), files=sound)
    said = {"captions": ("said.srt", captions().encode())}
    style = {"style": json.dumps(STYLE)}
    film = _made(client, f"{room}/video/caption", data=_of(spoken) | style, files=said)
    path = download(client, f"{room}{film['links']['download']}", folder)
    return _checked(path, len(clips) * SLOT_SECONDS)


def _clip(client: httpx.Client, url: str, scene: Scene) -> dict[str, Any]:
    return _made(client, f"{url}/generate", json={"prompt": english(scene), "seed": 42, **PLAIN})


def _timeline(clips: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Each as fast as fills its slot."""
    names = [f"clip{number}" for number in range(len(clips))]
    lengths = [clip["resolved"]["num_frames"] / clip["resolved"]["fps"] for clip in clips]
    return {
        "inputs": {name: {"job": clip["id"]} for name, clip in zip(names, clips, strict=True)},
        "clips": [
            {"source": name, "speed": length / SLOT_SECONDS}
            for name, length in zip(names, lengths, strict=True)
        ],
        "resolution": f"{SIDE}x{SIDE}",
        "fps": FPS,
    }


def _of(job: dict[str, Any]) -> dict[str, str]:
    return {"video": json.dumps({"job": job["id"]})}


def _made(client: httpx.Client, address: str, **sent: Any) -> dict[str, Any]:
    """The finished job of a request."""
    job = _answer(client.post(address, **sent))
    while not ended(job):
        time.sleep(_POLL_SECONDS)
        job = _answer(client.get(httpx.URL(address).join(job["links"]["self"])))
    if job["state"] != "completed":
        message = (job["error"] or {}).get("message")
        raise DemoFailed(f"{address}: the job {job['state']}. {message}")
    return job


def _answer(response: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    if response.is_error:
        raise DemoFailed(f"{response.url.path}: {body['error']['message']}")
    return body


def _checked(path: Path, seconds: float) -> str:
    played = play(path)
    heard = played.audio_seconds or 0.0
    if (played.width, played.height, played.num_frames) != (SIDE, SIDE, round(seconds * FPS)):
        raise DemoFailed(f"the film is not what was asked for: {played} ({path})")
    if abs(heard - seconds) > TOLERANCE_SECONDS:
        raise DemoFailed(f"the film's sound is {heard:.2f} s long, not {seconds:.2f} s ({path})")
    return f"{seconds:g} s, joined, spoken over and captioned: {path}"
