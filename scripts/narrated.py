"""The demo's film: scenes of the trained model, joined, spoken over and captioned."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from scripts.cli.client import Client, Files
from scripts.cli.errors import CliError
from scripts.cli.watching import follow
from scripts.films import DemoFailed, download
from scripts.narration import SCENES, SLOT_SECONDS, SPOKEN, captions
from scripts.playback import play
from scripts.shapes.asking import PLAIN
from scripts.shapes.captions import english

SIDE = 512
FPS = 24
STYLE = {"size": 7, "place": "bottom"}
TOLERANCE_SECONDS = 0.1


def make_film(model: str, room: str, folder: Path) -> str:
    """Make one film of the narration's scenes; answers what it is, in words.

    Args:
        model: the address of a service that makes the scenes.
        room: of the cutting room; both have one outputs folder.
        folder: where the film is put.

    Raises:
        DemoFailed: a step could not be made, or the file is not what it should be.
    """
    try:
        with Client(model) as maker, Client(room) as cutter:
            asked = ({"prompt": english(scene), "seed": 42, **PLAIN} for scene in SCENES.values())
            clips = [_made(maker, "/generate", body) for body in asked]
            film = _film(cutter, clips)
        with httpx.Client() as client:
            path = download(client, f"{room}{film['links']['download']}", folder)
    except CliError as exc:
        raise DemoFailed(f"The film: {exc.body['message']}") from exc
    return _checked(path, len(clips) * SLOT_SECONDS)


def _film(room: Client, clips: Sequence[dict[str, Any]]) -> dict[str, Any]:
    joined = _made(room, "/video/edit", _timeline(clips))
    sound: Files = {"audio": ("spoken.mp3", SPOKEN.read_bytes())}
    spoken = _made(room, "/video/addaudio", {"video": {"job": joined["id"]}}, sound)
    said: Files = {"captions": ("said.srt", captions().encode())}
    return _made(room, "/video/caption", {"video": {"job": spoken["id"]}, "style": STYLE}, said)


def _timeline(clips: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Each as fast as fills its slot."""
    lengths = [clip["resolved"]["num_frames"] / clip["resolved"]["fps"] for clip in clips]
    return {
        "inputs": {f"clip{number}": {"job": clip["id"]} for number, clip in enumerate(clips)},
        "clips": [
            {"source": f"clip{number}", "speed": length / SLOT_SECONDS}
            for number, length in enumerate(lengths)
        ],
        "resolution": f"{SIDE}x{SIDE}",
        "fps": FPS,
    }


def _made(
    client: Client, path: str, body: dict[str, Any], files: Files | None = None
) -> dict[str, Any]:
    """The finished job of a request."""
    job = client.generate(body, files or {}, None, path=path)
    job = follow(client, job["id"], lambda _job: None)
    if job["state"] != "completed":
        message = (job["error"] or {}).get("message")
        raise DemoFailed(f"{path}: the job {job['state']}. {message}")
    return job


def _checked(path: Path, seconds: float) -> str:
    played = play(path)
    heard = played.audio_seconds or 0.0
    if (played.width, played.height, played.num_frames) != (SIDE, SIDE, round(seconds * FPS)):
        raise DemoFailed(f"the film is not what was asked for: {played} ({path})")
    if abs(heard - seconds) > TOLERANCE_SECONDS:
        raise DemoFailed(f"the film's sound is {heard:.2f} s long, not {seconds:.2f} s ({path})")
    return f"{seconds:g} s, joined, spoken over and captioned: {path}"
