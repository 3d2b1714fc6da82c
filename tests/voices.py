"""Voices that say when each word is said: what was heard may be held against that."""

import ctypes
import re
import shutil
import subprocess
from ctypes.util import find_library
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.speech import RATE, Spoken, of_wav

Sound = NDArray[np.float32]
_LOUD = 0.02


@dataclass(frozen=True)
class Sentence:
    """What is said at 16 kHz, from the first to the last sound; words by seconds of that."""

    text: str
    sound: Sound
    words: tuple[Spoken, ...]

    def later(self, start: float) -> tuple[Spoken, ...]:
        """The words of one that begins at a second."""
        return tuple(Spoken(one.text, start + one.start, start + one.end) for one in self.words)


def english(text: str, folder: Path) -> Sentence:
    """By flite, which tells the end of each of its sounds."""
    sounds = [one for one in _flite(text, folder) if one[0] != "pau"]
    begin, words = sounds[0][1], list[Spoken]()
    for word in _plain(text):
        alone = [one for one in _flite(word, folder) if one[0] != "pau"]
        own, sounds = sounds[: len(alone)], sounds[len(alone) :]
        assert [one[0] for one in own] == [one[0] for one in alone], "said as by itself"
        words.append(Spoken(word, own[0][1] - begin, own[-1][2] - begin))
    _flite(text, folder)
    samples = of_wav(folder / "said.wav")
    last = round((begin + words[-1].end) * RATE)
    return Sentence(text, samples[round(begin * RATE) : last], tuple(words))


def portuguese(text: str, folder: Path) -> Sentence:
    """By eSpeak NG, whose library calls back at each word."""
    del folder
    samples, starts = _espeak().said(text, b"pt-br", 140)
    heard = np.flatnonzero(np.abs(samples) > _LOUD * np.abs(samples).max())
    begin, end = heard[0] / RATE, heard[-1] / RATE
    places = [max(0.0, start - begin) for start in starts]
    parts = zip(_plain(text), places, [*places[1:], end - begin], strict=True)
    spoken = tuple(Spoken(*part) for part in parts)
    return Sentence(text, samples[heard[0] : heard[-1]], spoken)


def _plain(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _flite(text: str, folder: Path) -> list[tuple[str, float, float]]:
    """Sounds, each with its beginning and its end."""
    if shutil.which("flite") is None:
        pytest.skip("nobody speaks: flite is not installed (apt-get install flite)")
    command = ["flite", "-voice", "slt", "-psdur", "-t", text, "-o", str(folder / "said.wav")]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    found, last = list[tuple[str, float, float]](), 0.0
    for name, end in (one.split(":") for one in ran.stdout.split()):
        found.append((name, last, float(end)))
        last = float(end)
    return found


class _Event(ctypes.Structure):
    """``espeak_EVENT`` of speak_lib.h, version 1.50 and later."""

    _fields_: ClassVar = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


_CALLED = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)
_ENDED, _WORD = 0, 1
_SYNCHRONOUS, _UTF8, _SPEED = 2, 1, 1


class _Espeak:
    """The library; there is one for each process."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._pieces = list[NDArray[np.int16]]()
        self._starts = list[float]()
        self._rate = library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)
        self._called = _CALLED(self._take)  # kept: the library calls it
        library.espeak_SetSynthCallback(self._called)

    def said(self, text: str, voice: bytes, speed: int) -> tuple[Sound, list[float]]:
        """Samples at 16 kHz, and the second at which each word begins."""
        self._pieces, self._starts, library = [], [], self._library
        assert library.espeak_SetVoiceByName(voice) == 0
        library.espeak_SetParameter(_SPEED, speed, 0)
        data = text.encode()
        library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        library.espeak_Synchronize()
        samples = np.concatenate(self._pieces).astype(np.float32) / 32768
        places = np.arange(0, len(samples) - 1, self._rate / RATE)
        sound = np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
        return sound, self._starts

    def _take(self, samples: Any, count: int, events: Any) -> int:
        if samples and count:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        at = 0
        while events[at].type != _ENDED:
            if events[at].type == _WORD:
                self._starts.append(events[at].audio_position / 1000)
            at += 1
        return 0


@cache
def _espeak() -> _Espeak:
    name = find_library("espeak-ng")
    if name is None:
        pytest.skip("nobody speaks: espeak-ng is not installed (apt-get install espeak-ng)")
    return _Espeak(ctypes.CDLL(name))
