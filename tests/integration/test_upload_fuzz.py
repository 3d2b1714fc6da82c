"""Damaged pictures and videos, sent for real: taken or refused, and nothing ever breaks."""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import photos, profiles
from tests.films import ffmpeg, film
from tests.integration.fleet import Fleet

ROUNDS = 8


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, a piece cut out or doubled, or the end missing."""
    spoilt = bytearray(data)
    for _ in range(chance.choice((0, 1, 8, 64))):
        spoilt[chance.randrange(min(len(spoilt), 2000))] = chance.randrange(256)
    start = chance.randrange(len(spoilt))
    end = min(len(spoilt), start + chance.randrange(200))
    piece = chance.choice((None, b"", spoilt[start:end] * 2))
    if piece is not None:
        spoilt[start:end] = piece
    return bytes(spoilt[: chance.choice((len(spoilt), chance.randrange(len(spoilt))))])


def _timecode(folder: Path) -> bytes:
    source, path = film(folder / "source.mp4", 40), folder / "timecode.mp4"
    ffmpeg("-i", source, "-c", "copy", "-timecode", "01:02:03:04", path)
    return path.read_bytes()


def _recorded(folder: Path) -> bytes:
    """As a browser writes it: without a length."""
    options = ("-c:v", "libvpx", "-live", 1)
    return film(folder / "recorded.webm", 40, 24, "160x120", *options).read_bytes()


PICTURES: dict[str, Callable[[], bytes]] = {
    "png": lambda: photos.saved(photos.card(), "PNG"),
    "jpeg, Display P3": lambda: photos.saved(
        photos.card(), "JPEG", icc_profile=profiles.display_p3()
    ),
    "gif": lambda: photos.moving("GIF"),
    "webp": lambda: photos.moving("WEBP"),
    "avif": lambda: photos.avif_p3(photos.card()),
    "heic": lambda: photos.heic(photos.card()),
}
VIDEOS: dict[str, Callable[[Path], bytes]] = {
    "mp4": lambda folder: film(folder / "whole.mp4", 40).read_bytes(),
    "mp4 with a time code": _timecode,
    "webm without a length": _recorded,
}


@pytest.mark.parametrize("field", ["image", "video"])
def test_a_damaged_upload_is_taken_or_refused(fleet: Fleet, tmp_path: Path, field: str):
    """Files that break their decoders: of each kind, whatever has happened to them on the way."""
    service = fleet.start(module="magi1.app", model="magi1")
    wholes = {name: make() for name, make in PICTURES.items()}
    if field == "video":
        wholes = {name: make(tmp_path) for name, make in VIDEOS.items()}
    chance = random.Random(field)
    outcomes: Counter[int] = Counter()
    for name, whole in wholes.items():
        seen: Counter[int] = Counter()
        for _ in range(ROUNDS):
            form = {"prompt": "x", "dry_run": "true", "resolution": "256x256"}
            answer = service.client.post(
                "/generate", data=form, files={field: damaged(whole, chance)}, timeout=60
            )
            seen[answer.status_code] += 1
            assert answer.status_code in (200, 422), (name, answer.text)
            if answer.status_code == 422:
                assert answer.json()["error"]["param"] == field, (name, answer.text)
                assert answer.json()["error"]["hint"]
        assert seen[422], (name, seen)
        outcomes += seen
    assert min(outcomes[200], outcomes[422]) > 3, outcomes  # small files take little
    assert "Traceback (most recent call last)" not in _unforeseen(service.log(100_000))
    assert service.inputs() == []


def _unforeseen(log: str) -> str:
    """What a child says when a decoder breaks is told in one line, and is expected here."""
    return "\n".join(line for line in log.splitlines() if "broke its decoder" not in line)
